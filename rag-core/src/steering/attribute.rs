//! [`AttributeModel`]: how likely a text has an attribute, from its words, its letters and its vector.
//!
//! A direction can only say what vectors know. Manner often stands in a few words and endings that
//! an embedding smooths over, so one linear model on both finds more, and its probability can be
//! stored for every document and added to the similarity: ranking by `s + b P`.
//!
//! The features are three blocks of length 1 or so: the unit vector about the examples' mean;
//! words and pairs of neighbours; runs of letters (`grams`). Of the last two only buckets that at
//! least two examples have count, each as strong as its log-odds between the examples,
//! `|ln((p + 1/2) / (P + 1) * (N + 1) / (n + 1/2))|` (Wang and Manning, 2012), and each block is
//! brought to length 1. A ridge regression of 3 towards +1 and -1 with both classes of one weight,
//! by conjugate gradients (Hestenes and Stiefel, 1952), gives `f`; the probability is
//! `1 / (1 + exp(-4 f))`. Next: `calibrate` for the length of a dial.

use super::attribute_fit::Examples;
use super::calibrate::{CalibrateOptions, Neighbourhood};
use super::direction::workers;
use super::effect::Effect;
use super::grams::{ALL, Scratch, grams};
use super::vector::LearnOptions;
use crate::Rows;
use crate::bytes::{Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::rng::splitmix64;
use crate::{kernel, threads};
use std::sync::Arc;

/// What the regression is multiplied by to become the logarithm of odds.
const STEEP: f64 = 4.0;
/// The residual at which a fit is near enough, as a share of the right side: of the model, and of
/// those that only score held-out examples.
const CLOSE: (f64, f64) = (3e-3, 3e-2);
/// Numbers that are added up beside each other.
pub(super) const LANES: usize = 4;
/// The first byte of what is saved.
const VERSION: u8 = 1;
/// The longest vector.
const MAX_DIM: usize = 65_536;

/// How likely a text has an attribute.
///
/// Learnt from examples with and without it, each a text with its vector. It costs some microseconds
/// to ask about a text, and the answer depends on nothing else, so that it may be stored. Kept with
/// it are its measured effect (as [`Effect`] has it, on the logarithm of the odds) and
/// [`scale`](Self::scale), what a dial of 1 adds to the similarity of a text that has the attribute.
///
/// ```
/// use rag_core::{Rows, steering::{AttributeModel, LearnOptions}};
/// let polite = ["could you please wait", "please help me", "would you please come"];
/// let blunt = ["wait", "help me now", "come here now"];
/// // These vectors know nothing of manners: all that is learnt comes from the words.
/// let same = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0];
/// let vectors = Rows::new(&same, 2)?;
/// let model = AttributeModel::learn(
///     (&polite, vectors), (&blunt, vectors), &LearnOptions::default())?;
/// assert!(model.probability("please open it", Some(&[1.0, 0.0]))? > 0.5);
/// assert!(model.probability("open it now", None)? < 0.5);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeModel {
    weights: Arc<Weights>,
    scale: f64,
    effect: Effect,
}

/// Hands out the text and the unit vector of a document.
pub(crate) type Document<'a> =
    &'a (dyn Fn(usize, &mut dyn FnMut(&str, Option<&[f32]>)) + Sync + 'a);

/// A model, and for each fold the one that did not see it.
pub(super) struct WithFolds {
    pub(super) model: AttributeModel,
    pub(super) without: Vec<AttributeModel>,
    /// The fold of each example, positive ones first.
    pub(super) fold: Vec<usize>,
}

/// What the probability is made of.
#[derive(Debug, PartialEq)]
pub(super) struct Weights {
    bias: f64,
    /// What the vector of the examples' mean would add.
    centre: f64,
    vector: Vec<f32>,
    /// For each bucket what it weighs in its block, and what the block's unit vector is multiplied by
    /// there; both as the upper half of a float32. Zeros where a bucket has no weight.
    buckets: Vec<[u16; 2]>,
    /// Of all the above.
    fingerprint: u64,
}

/// The upper half of a float32, to the nearest.
pub(super) fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits + 0x7fff + ((bits >> 16) & 1);
    (rounded >> 16) as u16
}

pub(super) fn whole(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

fn sigma(f: f64) -> f64 {
    1.0 / (1.0 + (-STEEP * f).exp())
}

impl AttributeModel {
    /// Learns to tell `positive` from `negative` examples: at least two texts each, with their
    /// vectors as rows. The folds and the seed of `options` are those of the measured effect.
    ///
    /// Fails with `InvalidArgument` on fewer texts, another number of vectors than of texts,
    /// numbers that are not finite, and texts that are all the same, and with `DimensionMismatch`
    /// on vectors of two dimensions.
    pub fn learn(
        positive: (&[&str], Rows<'_>),
        negative: (&[&str], Rows<'_>),
        options: &LearnOptions,
    ) -> Result<Self> {
        Ok(Self::learn_with_folds(positive, negative, options)?.model)
    }

    /// [`learn`](Self::learn), with the models that did not see each fold.
    pub(super) fn learn_with_folds(
        positive: (&[&str], Rows<'_>),
        negative: (&[&str], Rows<'_>),
        options: &LearnOptions,
    ) -> Result<WithFolds> {
        options.check()?;
        check(positive, negative)?;
        let examples = Examples::new(positive, negative, options);
        let all = examples.fit(None, CLOSE.0);
        let work = examples.len() * 4 * (examples.dim + 1000) * examples.folds;
        let folds = threads::map(workers(work), examples.folds, &|fold| {
            let fitted = examples.fit(Some(fold), CLOSE.1);
            let held = (0..examples.len()).filter(|&i| examples.fold[i] == fold);
            let scores = held.map(|i| (i, fitted.score(&examples, i)));
            (scores.collect::<Vec<(usize, f64)>>(), fitted)
        });
        let mut scores = vec![0.0; examples.len()];
        for &(i, score) in folds.iter().flat_map(|(scores, _)| scores) {
            scores[i] = score;
        }
        let effect = Effect::from_scores(&scores[..positive.0.len()], &scores[positive.0.len()..]);
        let mut model = Self {
            weights: Arc::new(all.weights()),
            scale: 0.0,
            effect,
        };
        // Held-out probabilities: those of what was learnt from are too sure.
        let held: Vec<f32> = scores.iter().map(|&f| sigma(f) as f32).collect();
        let both = [positive.1.data(), negative.1.data()].concat();
        let calibrate = CalibrateOptions::default().seed(options.seed);
        let neighbourhood = Neighbourhood::new(Rows::new(&both, positive.1.dim())?, &calibrate);
        model.scale = match neighbourhood {
            Ok(neighbourhood) => neighbourhood.of_rows(&|i| held[i]).scale,
            // Vectors of length 0 are no neighbours of anything: a guess, until there are others.
            Err(_) => 0.1,
        };
        let without = folds.into_iter().map(|(_, fitted)| Self {
            weights: Arc::new(fitted.weights()),
            ..model.clone()
        });
        Ok(WithFolds {
            without: without.collect(),
            model,
            fold: examples.fold,
        })
    }

    /// The probability in 0..=1 that `text` has the attribute. Without a vector, or with one of
    /// length 0, that of the examples' mean stands for it. `DimensionMismatch` on one of another
    /// dimension, `InvalidArgument` if its numbers are not finite.
    pub fn probability(&self, text: &str, vector: Option<&[f32]>) -> Result<f32> {
        let mut unit = None;
        if let Some(vector) = vector {
            if vector.len() != self.dim() {
                return Err(Error::dimension(
                    "this attribute model",
                    self.dim(),
                    vector.len(),
                ));
            }
            Rows::single(vector)?.check_finite()?;
            unit = super::calibrate::unit(vector);
        }
        let mut scratch = Scratch::default();
        let halves = grams(text, &mut scratch);
        Ok(self.weights.probability(halves, unit.as_deref()))
    }

    /// [`probability`](Self::probability) of many texts with their vectors, if there are any, by all
    /// threads. `InvalidArgument` if there are not as many vectors as texts.
    pub fn probabilities(&self, texts: &[&str], vectors: Option<Rows<'_>>) -> Result<Vec<f32>> {
        if let Some(vectors) = vectors {
            if vectors.dim() != self.dim() {
                return Err(Error::dimension(
                    "this attribute model",
                    self.dim(),
                    vectors.dim(),
                ));
            }
            if vectors.len() != texts.len() {
                return Err(Error::invalid(format!(
                    "every text needs its vector: got {} texts and {} vectors",
                    texts.len(),
                    vectors.len()
                )));
            }
            vectors.check_finite()?;
        }
        Ok(self.of_each(texts.len(), &|i, say| {
            let unit = vectors.and_then(|vectors| super::calibrate::unit(vectors.row(i)));
            say(texts[i], unit.as_deref());
        }))
    }

    /// The probabilities of many documents by all threads: `document` hands out text and unit vector
    /// of each, as far as there are such.
    pub(crate) fn of_each(&self, count: usize, document: Document<'_>) -> Vec<f32> {
        Self::of_each_by(&[self], count, document)
    }

    /// The same by several models that read each text once: those of the first document, then those
    /// of the next.
    pub(super) fn of_each_by(models: &[&Self], count: usize, document: Document<'_>) -> Vec<f32> {
        const AT_ONCE: usize = 256;
        let chunks = count.div_ceil(AT_ONCE);
        let most = if count < 64 { 1 } else { threads::available() };
        let parts = threads::map(most.min(chunks), chunks, &|chunk| {
            let mut scratch = Scratch::default();
            let range = chunk * AT_ONCE..count.min((chunk + 1) * AT_ONCE);
            let mut all = vec![0.0; range.len() * models.len()];
            for (i, found) in range.zip(all.chunks_exact_mut(models.len())) {
                document(i, &mut |text, vector| {
                    let halves = grams(text, &mut scratch);
                    for (found, model) in found.iter_mut().zip(models) {
                        *found = model.weights.probability(halves, vector);
                    }
                });
            }
            all
        });
        parts.concat()
    }

    /// The dimension of the vectors.
    pub fn dim(&self) -> usize {
        self.weights.vector.len()
    }

    /// What a dial of 1 adds to the similarity of a text whose probability is 1.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// How far apart the logarithms of the odds of held-out examples are.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// A number that tells models with other probabilities apart.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.weights.fingerprint
    }

    /// The same model with the scale measured where documents have these probabilities.
    pub(super) fn calibrated_in(&self, neighbourhood: &Neighbourhood, of: &[f32]) -> Self {
        Self {
            scale: neighbourhood.of_rows(&|i| of[i]).scale,
            ..self.clone()
        }
    }

    /// The model as bytes: little-endian; a version, the dimension, bias and centre, scale and effect,
    /// the weights of the vector, then for each half of the buckets a bit set of those in use and
    /// two halves of float32 for each of them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(VERSION);
        out.reals(&[
            self.scale,
            self.effect.value,
            self.effect.low,
            self.effect.high,
        ]);
        self.weights.write(&mut out);
        out.finish()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote. `Corrupt` if it cannot be that, `FormatVersion` if
    /// a later release wrote it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new(bytes);
        match input.byte().map_err(damaged)? {
            VERSION => {}
            version => {
                return Err(Error::new(
                    ErrorKind::FormatVersion,
                    format!(
                        "the attribute model is of format {version}, this release reads {VERSION}; \
                         update ragcore"
                    ),
                ));
            }
        }
        let mut read = || {
            let scale = input.real()?;
            let effect = Effect {
                value: input.real()?,
                low: input.real()?,
                high: input.real()?,
            };
            let weights = Weights::read(&mut input)?;
            let fits = scale > 0.0
                && scale <= 100.0
                && effect.low <= effect.value
                && effect.value <= effect.high
                && (effect.high - effect.low).is_finite();
            match (fits, input.left()) {
                (true, 0) => Ok(Self {
                    weights: Arc::new(weights),
                    scale,
                    effect,
                }),
                (true, _) => Err("bytes behind its end"),
                (false, _) => Err("a scale or an effect that cannot be"),
            }
        };
        read().map_err(damaged)
    }
}

fn damaged(found: &str) -> Error {
    let message = format!("the attribute model is damaged: {found}");
    Error::new(ErrorKind::Corrupt, message)
}

impl Weights {
    pub(super) fn new(bias: f64, centre: f64, vector: Vec<f32>, buckets: Vec<[u16; 2]>) -> Self {
        let mut weights = Self {
            bias,
            centre,
            vector,
            buckets,
            fingerprint: 0,
        };
        let mut out = Writer::default();
        out.byte(VERSION);
        weights.write(&mut out);
        for word in out.finish().chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            let mut state = weights.fingerprint ^ u64::from_le_bytes(bytes);
            weights.fingerprint = splitmix64(&mut state);
        }
        weights
    }

    fn probability(&self, grams: [&[u16]; 2], vector: Option<&[f32]>) -> f32 {
        let mut f = self.bias;
        if let Some(vector) = vector {
            f += f64::from((kernel::active().dot)(&self.vector, vector)) - self.centre;
        }
        for half in grams {
            let (squares, sum) = self.sums(half);
            if squares > 0.0 {
                f += f64::from(sum) / f64::from(squares).sqrt();
            }
        }
        sigma(f) as f32
    }

    /// The sum of the squared weights of some buckets, and of their weights by their factors.
    fn sums(&self, buckets: &[u16]) -> (f32, f32) {
        // In four lanes, so that no addition waits for the one before; what has no weight adds 0.
        let mut sums = [[0.0f32; 2]; LANES];
        let each = |sums: &mut [f32; 2], bucket: u16| {
            let [weight, factor] = self.buckets[usize::from(bucket) % ALL].map(whole);
            sums[0] += weight * weight;
            sums[1] += weight * factor;
        };
        let (lanes, rest) = buckets.as_chunks::<LANES>();
        for lane in lanes {
            for (sums, &bucket) in sums.iter_mut().zip(lane) {
                each(sums, bucket);
            }
        }
        rest.iter().for_each(|&bucket| each(&mut sums[0], bucket));
        let total = |at: usize| sums.iter().map(|sums| sums[at]).sum();
        (total(0), total(1))
    }

    fn write(&self, out: &mut Writer) {
        out.count(self.vector.len());
        out.reals(&[self.bias, self.centre]);
        out.floats(&self.vector);
        for bits in self.buckets.chunks(64) {
            let set = bits.iter().enumerate().filter(|(_, b)| b[0] != 0);
            out.long(set.fold(0, |set, (i, _)| set | 1 << i));
        }
        for [weight, factor] in self.buckets.iter().filter(|b| b[0] != 0) {
            out.short(*weight);
            out.short(*factor);
        }
    }

    fn read(input: &mut Reader<'_>) -> crate::bytes::Read<Self> {
        let dim = input.count()?;
        if !(1..=MAX_DIM).contains(&dim) {
            return Err("vectors of no possible dimension");
        }
        let (bias, centre) = (input.real()?, input.real()?);
        let vector = input.floats(dim)?;
        let sets = (0..ALL / 64).map(|_| input.long());
        let sets = sets.collect::<crate::bytes::Read<Vec<u64>>>()?;
        let mut buckets = vec![[0; 2]; ALL];
        for (bucket, pair) in buckets.iter_mut().enumerate() {
            if sets[bucket / 64] >> (bucket % 64) & 1 == 1 {
                *pair = [input.short()?, input.short()?];
                let (weight, factor) = (whole(pair[0]), whole(pair[1]));
                if !(weight > 0.0 && weight <= 100.0 && factor.abs() <= 1e6) {
                    return Err("a weight that cannot be");
                }
            }
        }
        let size: f64 = vector.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        match bias.abs() <= 1e6 && centre.abs() <= 1e6 && size <= 1e12 {
            true => Ok(Self::new(bias, centre, vector, buckets)),
            false => Err("numbers that cannot be"),
        }
    }
}

fn check(positive: (&[&str], Rows<'_>), negative: (&[&str], Rows<'_>)) -> Result<()> {
    for ((texts, vectors), what) in [(positive, "positive"), (negative, "negative")] {
        if texts.len() < 2 {
            return Err(Error::invalid(format!(
                "at least 2 {what} examples are needed, got {}",
                texts.len()
            )));
        }
        if texts.len() != vectors.len() {
            return Err(Error::invalid(format!(
                "every text needs its vector: got {} {what} texts and {} vectors",
                texts.len(),
                vectors.len()
            )));
        }
        vectors
            .check_finite()
            .map_err(|e| e.context(format_args!("{what} examples")))?;
    }
    if positive.1.dim() != negative.1.dim() {
        return Err(Error::dimension(
            "the positive set",
            positive.1.dim(),
            negative.1.dim(),
        ));
    }
    if positive.1.dim() > MAX_DIM {
        return Err(Error::invalid(format!(
            "a vector has at most {MAX_DIM} numbers, got {}",
            positive.1.dim()
        )));
    }
    let first = positive.0[0];
    if positive
        .0
        .iter()
        .chain(negative.0)
        .all(|text| *text == first)
    {
        return Err(Error::invalid(
            "all examples are the same text; give examples that differ in the attribute",
        ));
    }
    Ok(())
}
