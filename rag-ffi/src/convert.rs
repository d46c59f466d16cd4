//! Pointers to slices and texts, and results into the caller's storage.
//!
//! What can be checked is: NULL, alignment, lengths that no object can have, UTF-8. That a
//! pointer which is not NULL points to that many readable items is the caller's promise.

use crate::guard::Fail;
use rag_core::{Error, Progress, Rows};
use std::ffi::{CStr, c_char, c_void};
use std::ops::Range;
use std::path::PathBuf;

/// The length of a text that ends at its first NUL byte.
pub(crate) const RAG_NUL_TERMINATED: usize = usize::MAX;

/// `count` items at `data`; NULL is fine for none.
pub(crate) unsafe fn slice<'a, T>(
    data: *const T,
    count: usize,
    name: &'static str,
) -> Result<&'a [T], Fail> {
    if count == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Fail::Null(name));
    }
    let bytes = count.checked_mul(size_of::<T>());
    if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(Error::invalid(format!("{name} cannot have {count} items")).into());
    }
    if !data.is_aligned() {
        return Err(Error::invalid(format!(
            "{name} must lie at a multiple of {} bytes",
            align_of::<T>()
        ))
        .into());
    }
    // SAFETY: not NULL, aligned, of a possible size; the caller lends that many items.
    Ok(unsafe { std::slice::from_raw_parts(data, count) })
}

/// Rows of `dim` floats.
pub(crate) unsafe fn rows<'a>(
    data: *const f32,
    count: usize,
    dim: usize,
    name: &'static str,
) -> Result<Rows<'a>, Fail> {
    let Some(floats) = count.checked_mul(dim) else {
        return Err(Error::invalid(format!("{name} cannot have {count} rows of {dim}")).into());
    };
    Ok(Rows::new(slice(data, floats, name)?, dim)?)
}

/// A text of `length` bytes, or up to its NUL.
pub(crate) unsafe fn text<'a>(
    data: *const c_char,
    length: usize,
    name: &'static str,
) -> Result<&'a str, Fail> {
    if length == RAG_NUL_TERMINATED {
        return self::name(data, name);
    }
    let bytes = slice(data.cast::<u8>(), length, name)?;
    utf8(bytes, name)
}

/// A NUL-terminated name.
pub(crate) unsafe fn name<'a>(data: *const c_char, name: &'static str) -> Result<&'a str, Fail> {
    if data.is_null() {
        return Err(Fail::Null(name));
    }
    // SAFETY: not NULL, and the caller promises a NUL-terminated text.
    utf8(unsafe { CStr::from_ptr(data) }.to_bytes(), name)
}

/// A NUL-terminated name, or `None` for NULL.
pub(crate) unsafe fn optional_name<'a>(
    data: *const c_char,
    name: &'static str,
) -> Result<Option<&'a str>, Fail> {
    match data.is_null() {
        true => Ok(None),
        false => self::name(data, name).map(Some),
    }
}

fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, Fail> {
    std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        Error::invalid(format!(
            "{name} is not UTF-8: byte 0x{:02x} at position {at}",
            bytes[at]
        ))
        .into()
    })
}

/// `count` texts; `lengths` may be NULL when all of them end at their NUL.
pub(crate) unsafe fn texts<'a>(
    data: *const *const c_char,
    lengths: *const usize,
    count: usize,
    name: &'static str,
) -> Result<Vec<&'a str>, Fail> {
    let found = optional_texts(data, lengths, count, name)?;
    found
        .into_iter()
        .enumerate()
        .map(|(i, t)| t.ok_or(Fail::NullItem(name, i)))
        .collect()
}

/// As [`texts`], where a NULL among them means none.
pub(crate) unsafe fn optional_texts<'a>(
    data: *const *const c_char,
    lengths: *const usize,
    count: usize,
    name: &'static str,
) -> Result<Vec<Option<&'a str>>, Fail> {
    let pointers = slice(data, count, name)?;
    let lengths = match lengths.is_null() {
        true => None,
        false => Some(slice(lengths, count, "lengths")?),
    };
    let one = |(i, &pointer): (usize, &*const c_char)| {
        let length = lengths.map_or(RAG_NUL_TERMINATED, |l| l[i]);
        if pointer.is_null() && length != 0 || pointer.is_null() && lengths.is_none() {
            return Ok(None);
        }
        let place = |fail| match fail {
            Fail::Core(e) => Fail::Core(e.context(format_args!("item {i}"))),
            other => other,
        };
        text(pointer, length, name).map(Some).map_err(place)
    };
    pointers.iter().enumerate().map(one).collect()
}

/// A path: bytes as the system has them.
pub(crate) unsafe fn path(data: *const c_char, name: &'static str) -> Result<PathBuf, Fail> {
    if data.is_null() {
        return Err(Fail::Null(name));
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        // SAFETY: not NULL, and the caller promises a NUL-terminated text.
        let bytes = unsafe { CStr::from_ptr(data) }.to_bytes();
        Ok(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
    }
    #[cfg(not(unix))]
    self::name(data, name).map(PathBuf::from)
}

/// Names with a number each, such as dials with their strengths.
pub(crate) unsafe fn pairs<'a>(
    names: *const *const c_char,
    values: *const f64,
    count: usize,
    what: (&'static str, &'static str),
) -> Result<Vec<(&'a str, f64)>, Fail> {
    let names = texts(names, std::ptr::null(), count, what.0)?;
    let values = slice(values, count, what.1)?;
    Ok(names.into_iter().zip(values.iter().copied()).collect())
}

/// Where each owner's items lie among `count` of them: from its offset to the next one's, or to the
/// end. `what` are the words for the offsets, the items and an owner.
pub(crate) unsafe fn ranges(
    offsets: *const usize,
    owners: usize,
    count: usize,
    what: [&'static str; 3],
) -> Result<Vec<Range<usize>>, Fail> {
    let [name, items, owner] = what;
    let starts = slice(offsets, owners, name)?;
    let mut ranges = Vec::with_capacity(owners);
    for (i, &start) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(count);
        if start > end || end > count || (i == 0 && start != 0) {
            return Err(Error::invalid(format!(
                "{name} must start at 0 and ascend to at most {count}, the number of {items}; \
                 {owner} {i} has {start} to {end}"
            ))
            .into());
        }
        ranges.push(start..end);
    }
    if owners == 0 && count > 0 {
        return Err(Error::invalid(format!("{count} {items} belong to no {owner}")).into());
    }
    Ok(ranges)
}

/// Refuses NULL for an output, before the work is done.
pub(crate) fn writable<T>(out: *mut T, name: &'static str) -> Result<(), Fail> {
    match out.is_null() {
        true => Err(Fail::Null(name)),
        false => Ok(()),
    }
}

/// Writes one result.
pub(crate) unsafe fn put<T>(out: *mut T, value: T, name: &'static str) -> Result<(), Fail> {
    writable(out, name)?;
    // SAFETY: not NULL; the caller promises storage for one value. It may be unaligned garbage
    // until now, so it is written and not assigned.
    unsafe { out.write_unaligned(value) };
    Ok(())
}

/// Writes one result that the caller may have no use for: NULL is fine.
pub(crate) unsafe fn tell<T>(out: *mut T, value: T) -> Result<(), Fail> {
    match out.is_null() {
        true => Ok(()),
        false => put(out, value, "out"),
    }
}

/// Copies a result into a buffer of `capacity` items and tells how many there are. With too
/// little room only the count is written.
pub(crate) unsafe fn fill<T: Copy>(
    values: &[T],
    out: *mut T,
    capacity: usize,
    count: *mut usize,
    name: &'static str,
) -> Result<(), Fail> {
    put(count, values.len(), "count")?;
    if capacity < values.len() {
        return Err(Fail::Buffer(name, values.len(), capacity));
    }
    if !values.is_empty() {
        writable(out, name)?;
        // SAFETY: not NULL, room for `capacity` items by the caller's promise, and a caller's
        // buffer cannot overlap what the library just made. Bytes, so that alignment is no matter.
        unsafe {
            std::ptr::copy_nonoverlapping(
                values.as_ptr().cast::<u8>(),
                out.cast::<u8>(),
                size_of_val(values),
            );
        }
    }
    Ok(())
}

/// Called now and then in a long call with how much is done of how much; `false` stops the call,
/// which then returns `RAG_STATUS_INTERRUPTED` and has changed nothing. It runs on the calling
/// thread and must not leave by `longjmp` or an exception.
pub type rag_progress =
    Option<unsafe extern "C" fn(done: usize, total: usize, user: *mut c_void) -> bool>;

/// Runs `body` with the caller's progress function.
pub(crate) unsafe fn with_progress<R>(
    progress: rag_progress,
    user: *mut c_void,
    body: impl FnOnce(Progress<'_>) -> R,
) -> R {
    match progress {
        None => body(Progress::none()),
        Some(call) => {
            // SAFETY: the caller promises a function of this type.
            let mut watch = |done, total| unsafe { call(done, total, user) };
            body(Progress::new(&mut watch))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_pointers_are_refused() {
        let floats = [0.0f32; 4];
        // SAFETY: every pointer is NULL, refused before use, or to `floats`.
        unsafe {
            assert!(matches!(
                slice::<f32>(std::ptr::null(), 1, "v"),
                Err(Fail::Null("v"))
            ));
            assert_eq!(
                slice::<f32>(std::ptr::null(), 0, "v").unwrap(),
                &[] as &[f32]
            );
            assert!(slice(floats.as_ptr(), usize::MAX, "v").is_err());
            assert!(slice(floats.as_ptr(), usize::MAX / 7, "v").is_err());
            assert!(rows(floats.as_ptr(), usize::MAX, 2, "v").is_err());
            assert!(rows(floats.as_ptr(), 2, 0, "v").is_err());
            let odd = floats.as_ptr().cast::<u8>().add(1).cast::<f32>();
            assert!(slice(odd, 1, "v").is_err());
            assert_eq!(rows(floats.as_ptr(), 2, 2, "v").unwrap().len(), 2);
        }
    }

    #[test]
    fn texts_say_where_they_are_not_utf8() {
        // SAFETY: the texts are NUL-terminated and of the lengths given.
        unsafe {
            assert_eq!(
                text(c"a\xC3\xA4".as_ptr(), RAG_NUL_TERMINATED, "t").unwrap(),
                "aä"
            );
            assert_eq!(text(c"a".as_ptr(), 2, "t").unwrap(), "a\0");
            let Err(Fail::Core(e)) = text(c"ab\xFF".as_ptr(), 3, "t") else {
                panic!("0xff is no UTF-8");
            };
            assert_eq!(e.message(), "t is not UTF-8: byte 0xff at position 2");
        }
    }

    #[test]
    fn a_buffer_without_room_gets_only_the_count() {
        let (mut out, mut count) = ([9u32; 2], 0);
        // SAFETY: the buffers are as large as said.
        unsafe {
            let fail = fill(&[1, 2, 3], out.as_mut_ptr(), 2, &mut count, "out").unwrap_err();
            assert!(matches!(fail, Fail::Buffer("out", 3, 2)));
            assert_eq!((out, count), ([9, 9], 3));
            fill(&[1], out.as_mut_ptr(), 2, &mut count, "out").unwrap();
            assert_eq!((out, count), ([1, 9], 1));
        }
    }
}
