//! `rag_domain_detector`: which domain a text belongs to.

use crate::convert::{self, fill, name, path, rows, slice, texts, writable};
use crate::embedder::rag_embedder;
use crate::error::rag_error;
use crate::guard::{Fail, guard};
use crate::handle::{self, noun};
use crate::options::{apply, rag_options};
use crate::status::rag_status;
use crate::strings::{give_texts, rag_strings};
use rag_core::collection::{Examples, detect_domains, learn_domains};
use rag_core::domain::{Detection, DomainDetector, DomainOptions};
use std::ffi::c_char;
use std::ptr;

/// Tells domains apart. Detecting may happen from many threads at once; learning and merging need
/// the detector for themselves.
pub struct rag_domain_detector {
    _opaque: [u8; 0],
}
noun!(rag_domain_detector => DomainDetector);

/// What a text was found to be.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rag_detection {
    /// The place of the likeliest domain among those of `rag_domain_detector_domains`; `SIZE_MAX` if
    /// the text is likelier to belong to none of them.
    pub domain: usize,
    /// How likely that is.
    pub probability: f64,
    /// How likely it is none of them.
    pub none: f64,
}

/// *Gives* a detector that knows no domain yet. Options: `background`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_new(
    options: *const rag_options,
    out: *mut *mut rag_domain_detector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let mut chosen = DomainOptions::default();
        apply(options, |name, value| chosen.set(name, value))?;
        convert::put(out, handle::give(DomainDetector::new(&chosen)?), "out")
    })
}

/// Learns a domain from `n` texts, or from a single line that describes it, besides what it has.
/// `lengths` may be NULL for texts that end with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_learn_texts(
    detector: *mut rag_domain_detector,
    embedder: *const rag_embedder,
    domain: *const c_char,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let name = name(domain, "domain")?;
        let texts = self::texts(texts, lengths, n, "texts")?;
        let embedder = handle::with(embedder, "embedder", |e| Ok(e.clone()))?;
        handle::with_mut(detector, "detector", |d| {
            let examples = [(name, Examples::Texts(&texts))];
            Ok(learn_domains(d, Some(&embedder), &examples)?)
        })
    })
}

/// Learns `count` domains at once from vectors of `dim` floats, all or nothing. The vectors of domain
/// `i` are the rows from `offsets[i]` to the next offset, or to `n` for the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_learn(
    detector: *mut rag_domain_detector,
    domains: *const *const c_char,
    offsets: *const usize,
    count: usize,
    vectors: *const f32,
    n: usize,
    dim: usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let names = texts(domains, ptr::null(), count, "domains")?;
        let owned = convert::ranges(offsets, count, n, ["offsets", "vectors", "domain"])?;
        let all = rows(vectors, n, dim, "vectors")?;
        let mut examples = Vec::with_capacity(count);
        for (name, range) in names.into_iter().zip(owned) {
            let data = &all.data()[range.start * all.dim()..range.end * all.dim()];
            let part = rag_core::Rows::new(data, all.dim())?;
            examples.push((name, Examples::Vectors(part)));
        }
        handle::with_mut(detector, "detector", |d| {
            Ok(learn_domains(d, None, &examples)?)
        })
    })
}

unsafe fn tell(
    detector: &DomainDetector,
    found: &[Detection],
    out: *mut rag_detection,
    probabilities: *mut f64,
) -> Result<(), Fail> {
    let names = detector.domains();
    let place = |d: &Detection| {
        let name = d.domain.as_deref()?;
        names.iter().position(|(known, _)| *known == name)
    };
    let detections = found.iter().map(|d| rag_detection {
        domain: place(d).unwrap_or(usize::MAX),
        probability: d.probability,
        none: d.none,
    });
    let detections: Vec<_> = detections.collect();
    let mut count = 0;
    if !probabilities.is_null() {
        let each = found.iter().flat_map(|d| d.probabilities.iter());
        let each: Vec<f64> = each.map(|(_, p)| *p).collect();
        fill(
            &each,
            probabilities,
            each.len(),
            &mut count,
            "probabilities",
        )?;
    }
    fill(&detections, out, detections.len(), &mut count, "out")
}

/// Which domain each of `n` vectors of `dim` floats belongs to. `probabilities` (which may be NULL)
/// receives a row for each vector: how likely each domain is, in their order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_detect(
    detector: *const rag_domain_detector,
    vectors: *const f32,
    n: usize,
    dim: usize,
    out: *mut rag_detection,
    probabilities: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let vectors = rows(vectors, n, dim, "vectors")?;
        handle::with(detector, "detector", |d| {
            tell(d, &d.detect_many(vectors)?, out, probabilities)
        })
    })
}

/// As `rag_domain_detector_detect` for `n` texts, which are embedded together. `lengths` may be NULL
/// for texts that end with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_detect_texts(
    detector: *const rag_domain_detector,
    embedder: *const rag_embedder,
    texts: *const *const c_char,
    lengths: *const usize,
    n: usize,
    out: *mut rag_detection,
    probabilities: *mut f64,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let texts = self::texts(texts, lengths, n, "texts")?;
        let embedder = handle::with(embedder, "embedder", |e| Ok(e.clone()))?;
        handle::with(detector, "detector", |d| {
            tell(
                d,
                &detect_domains(d, &embedder, &texts)?,
                out,
                probabilities,
            )
        })
    })
}

/// *Gives* the domains in alphabetical order.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_domains(
    detector: *const rag_domain_detector,
    out: *mut *mut rag_strings,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        handle::with(detector, "detector", |d| {
            give_texts(out, d.domains().into_iter().map(|(name, _)| name))
        })
    })
}

/// Adds what `other` has learnt from other examples; it stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_merge(
    detector: *mut rag_domain_detector,
    other: *const rag_domain_detector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let other = handle::with(other, "other", |o| Ok(o.clone()))?;
        handle::with_mut(detector, "detector", |d| Ok(d.merge(&other)?))
    })
}

/// Writes the detector as bytes to `out`. With too little room only `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_to_bytes(
    detector: *const rag_domain_detector,
    out: *mut u8,
    capacity: usize,
    count: *mut usize,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let bytes = handle::with(detector, "detector", |d| Ok(d.to_bytes()))?;
        fill(&bytes, out, capacity, count, "out")
    })
}

/// *Gives* the detector that `rag_domain_detector_to_bytes` wrote. `RAG_STATUS_CORRUPT` for other
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_from_bytes(
    bytes: *const u8,
    n: usize,
    out: *mut *mut rag_domain_detector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let read = DomainDetector::from_bytes(slice(bytes, n, "bytes")?)?;
        convert::put(out, handle::give(read), "out")
    })
}

/// Writes the detector to the file `path`: the old file or the new, never a part.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_save(
    detector: *const rag_domain_detector,
    path: *const c_char,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        let path = self::path(path, "path")?;
        handle::with(detector, "detector", |d| Ok(d.save(&path)?))
    })
}

/// *Gives* the detector in the file `path`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_load(
    path: *const c_char,
    out: *mut *mut rag_domain_detector,
    err: *mut *mut rag_error,
) -> rag_status {
    guard(err, || {
        writable(out, "out")?;
        let read = DomainDetector::load(self::path(path, "path")?)?;
        convert::put(out, handle::give(read), "out")
    })
}

/// Frees a detector. NULL is fine; a second time is `RAG_STATUS_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rag_domain_detector_free(
    detector: *mut rag_domain_detector,
) -> rag_status {
    guard(ptr::null_mut(), || handle::free(detector, "detector"))
}
