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

use super::calibrate::{CalibrateOptions, Neighbourhood};
use super::direction::workers;
use super::effect::Effect;
use super::grams::{ALL, BUCKETS, Scratch, grams};
use super::vector::LearnOptions;
use crate::Rows;
use crate::bytes::{Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::rng::{Rng, splitmix64};
use crate::{kernel, threads};
use std::sync::Arc;

/// The ridge, where rows have a squared length of three.
const RIDGE: f64 = 3.0;
/// What the regression is multiplied by to become the logarithm of odds.
const STEEP: f64 = 4.0;
/// The residual at which a fit is near enough, as a share of the right side: of the model, and of
/// those that only score held-out examples.
const CLOSE: (f64, f64) = (3e-3, 3e-2);
/// Most steps of a fit.
const STEPS: usize = 100;
/// Numbers that are added up beside each other.
const LANES: usize = 4;
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

/// What the probability is made of.
#[derive(Debug, PartialEq)]
struct Weights {
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
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits + 0x7fff + ((bits >> 16) & 1);
    (rounded >> 16) as u16
}

fn whole(half: u16) -> f32 {
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
        options.check()?;
        check(positive, negative)?;
        let examples = Examples::new(positive, negative, options);
        let all = examples.fit(None, CLOSE.0);
        let work = examples.len() * 4 * (examples.dim + 1000) * examples.folds;
        let folds = threads::map(workers(work), examples.folds, &|fold| {
            let fitted = examples.fit(Some(fold), CLOSE.1);
            let held = (0..examples.len()).filter(|&i| examples.fold[i] == fold);
            let scores = held.map(|i| (i, fitted.score(&examples, i)));
            scores.collect::<Vec<(usize, f64)>>()
        });
        let mut scores = vec![0.0; examples.len()];
        for (i, score) in folds.into_iter().flatten() {
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
        Ok(model)
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
        Ok(self.of_unit(text, unit.as_deref(), &mut Scratch::default()))
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
    pub(crate) fn of_each(
        &self,
        count: usize,
        document: &(dyn Fn(usize, &mut dyn FnMut(&str, Option<&[f32]>)) + Sync),
    ) -> Vec<f32> {
        const AT_ONCE: usize = 256;
        let chunks = count.div_ceil(AT_ONCE);
        let most = if count < 64 { 1 } else { threads::available() };
        let parts = threads::map(most.min(chunks), chunks, &|chunk| {
            let mut scratch = Scratch::default();
            let range = chunk * AT_ONCE..count.min((chunk + 1) * AT_ONCE);
            let each = range.map(|i| {
                let mut found = 0.0;
                document(i, &mut |text, vector| {
                    found = self.of_unit(text, vector, &mut scratch);
                });
                found
            });
            each.collect::<Vec<f32>>()
        });
        parts.concat()
    }

    fn of_unit(&self, text: &str, vector: Option<&[f32]>, scratch: &mut Scratch) -> f32 {
        let weights = &*self.weights;
        let mut f = weights.bias;
        if let Some(vector) = vector {
            f += f64::from((kernel::active().dot)(&weights.vector, vector)) - weights.centre;
        }
        for half in grams(text, scratch) {
            let (squares, sum) = weights.sums(half);
            if squares > 0.0 {
                f += f64::from(sum) / f64::from(squares).sqrt();
            }
        }
        sigma(f) as f32
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
    fn new(bias: f64, centre: f64, vector: Vec<f32>, buckets: Vec<[u16; 2]>) -> Self {
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

/// Examples as features, positive ones first.
struct Examples {
    dim: usize,
    positives: usize,
    /// Unit vectors, one after the other.
    vectors: Vec<f32>,
    /// The buckets of each, as places in `used`; words first.
    grams: Vec<Vec<u16>>,
    /// The buckets that two examples or more have, ascending, and how many of them are of words.
    used: Vec<usize>,
    words: usize,
    fold: Vec<usize>,
    folds: usize,
}

impl Examples {
    fn new(
        positive: (&[&str], Rows<'_>),
        negative: (&[&str], Rows<'_>),
        options: &LearnOptions,
    ) -> Self {
        let (p, n) = (positive.0.len(), negative.0.len());
        let dim = positive.1.dim();
        let texts: Vec<&str> = positive.0.iter().chain(negative.0).copied().collect();
        let mut scratch = Scratch::default();
        let mut held = vec![0u32; ALL];
        let mut all: Vec<Vec<u16>> = Vec::with_capacity(texts.len());
        for text in texts {
            let own = grams(text, &mut scratch).concat();
            own.iter()
                .for_each(|&bucket| held[usize::from(bucket)] += 1);
            all.push(own);
        }
        let used: Vec<usize> = (0..ALL).filter(|&bucket| held[bucket] > 1).collect();
        let words = used.partition_point(|&bucket| bucket < BUCKETS);
        // Their places among those in use, and `u16::MAX`, which is never a place, for the others.
        let mut place = vec![u16::MAX; ALL];
        for (at, &bucket) in (0..).zip(&used) {
            place[bucket] = at;
        }
        for own in &mut all {
            own.iter_mut()
                .for_each(|bucket| *bucket = place[usize::from(*bucket)]);
            own.retain(|&at| at != u16::MAX);
        }
        let rows = positive.1.iter().chain(negative.1.iter());
        let unit = |row| super::calibrate::unit(row).unwrap_or_else(|| vec![0.0; dim]);
        let folds = options.folds.min(p).min(n);
        let mut rng = Rng::new(options.seed);
        let mut assign = |count: usize| {
            let mut order: Vec<usize> = (0..count).collect();
            rng.shuffle(&mut order);
            let mut fold = vec![0; count];
            order
                .iter()
                .zip(0..)
                .for_each(|(&i, at)| fold[i] = at % folds);
            fold
        };
        // Sets of one size may be pairs, which are alike: a pair is held out together.
        let of_positive = assign(p);
        let of_negative = if p == n {
            of_positive.clone()
        } else {
            assign(n)
        };
        Self {
            dim,
            positives: p,
            vectors: rows.flat_map(unit).collect(),
            grams: all,
            used,
            words,
            fold: [of_positive, of_negative].concat(),
            folds,
        }
    }

    fn len(&self) -> usize {
        self.grams.len()
    }

    fn vector(&self, i: usize) -> &[f32] {
        &self.vectors[i * self.dim..(i + 1) * self.dim]
    }

    /// The model of all examples but those of a fold.
    fn fit(&self, held: Option<usize>, close: f64) -> Fitted<'_> {
        let rows: Vec<usize> = (0..self.len())
            .filter(|&i| Some(self.fold[i]) != held)
            .collect();
        let p = rows.partition_point(|&i| i < self.positives);
        let n = rows.len() - p;
        let mut counts = vec![[0u32; 2]; self.used.len()];
        for &i in &rows {
            let class = usize::from(i >= self.positives);
            self.grams[i]
                .iter()
                .for_each(|&g| counts[usize::from(g)][class] += 1);
        }
        let odds = |[a, b]: [u32; 2]| {
            if a + b < 2 {
                return 0.0;
            }
            let a = (f64::from(a) + 0.5) / (p as f64 + 1.0);
            let b = (f64::from(b) + 0.5) / (n as f64 + 1.0);
            // As it will be kept.
            whole(half((a / b).ln().abs() as f32))
        };
        let odds: Vec<f32> = counts.into_iter().map(odds).collect();
        let mut sparse = Sparse::default();
        rows.iter()
            .for_each(|&i| self.sparse(i, &odds, &mut sparse));
        let weights: Vec<f64> = rows
            .iter()
            .map(|&i| {
                rows.len() as f64
                    / 2.0
                    / if i < self.positives {
                        p as f64
                    } else {
                        n as f64
                    }
            })
            .collect();
        let design = Design {
            examples: self,
            rows: &rows,
            sparse: &sparse,
            weights: &weights,
            mean: Vec::new(),
        }
        .centred();
        let solution = design.solve(close);
        let along = |range: std::ops::Range<usize>| -> f64 {
            let pairs = solution[range.clone()].iter().zip(&design.mean[range]);
            pairs.map(|(a, b)| f64::from(a * b)).sum()
        };
        Fitted {
            used: &self.used,
            dim: self.dim,
            bias: -along(self.dim..solution.len()),
            centre: along(0..self.dim),
            solution,
            odds,
        }
    }

    /// Adds the n-grams of an example that have weight, each block at length 1.
    fn sparse(&self, i: usize, odds: &[f32], to: &mut Sparse) {
        let own = &self.grams[i];
        let words = own.iter().position(|&g| usize::from(g) >= self.words);
        let (words, letters) = own.split_at(words.unwrap_or(own.len()));
        for half in [words, letters] {
            let first = to.values.len();
            let mut squares = 0.0f64;
            for &g in half {
                let weight = odds[usize::from(g)];
                if weight > 0.0 {
                    squares += f64::from(weight * weight);
                    to.places.push(g);
                    to.values.push(weight);
                }
            }
            let length = squares.sqrt().recip() as f32;
            to.values[first..].iter_mut().for_each(|v| *v *= length);
        }
        to.ends.push(to.values.len());
    }
}

/// Rows of which most numbers are 0.
#[derive(Default)]
struct Sparse {
    ends: Vec<usize>,
    places: Vec<u16>,
    values: Vec<f32>,
}

impl Sparse {
    fn rows(&self) -> impl Iterator<Item = (&[u16], &[f32])> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let each = starts.zip(&self.ends);
        each.map(|(&start, &end)| (&self.places[start..end], &self.values[start..end]))
    }
}

fn sparse_dot((places, values): (&[u16], &[f32]), v: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (lanes, rest) = (places.as_chunks::<LANES>(), values.as_chunks::<LANES>());
    for (places, values) in lanes.0.iter().zip(rest.0) {
        for ((sum, &place), value) in sums.iter_mut().zip(places).zip(values) {
            *sum += v[usize::from(place)] * value;
        }
    }
    for (&place, value) in lanes.1.iter().zip(rest.1) {
        sums[0] += v[usize::from(place)] * value;
    }
    sums.iter().sum()
}

/// Rows of features, dense ones first, about their weighted mean.
struct Design<'a> {
    examples: &'a Examples,
    rows: &'a [usize],
    sparse: &'a Sparse,
    weights: &'a [f64],
    mean: Vec<f32>,
}

impl Design<'_> {
    fn centred(mut self) -> Self {
        self.mean = vec![0.0; self.examples.dim + self.examples.used.len()];
        let share: Vec<f64> = self
            .weights
            .iter()
            .map(|w| w / self.rows.len() as f64)
            .collect();
        self.mean = self.down(&share);
        self
    }

    /// `v . x` for every row.
    fn up(&self, v: &[f32]) -> Vec<f64> {
        let dot = kernel::active().dot;
        let dim = self.examples.dim;
        let (dense, rest) = v.split_at(dim);
        let centre: f64 = v
            .iter()
            .zip(&self.mean)
            .map(|(a, b)| f64::from(a * b))
            .sum();
        let rows = self.rows.iter().zip(self.sparse.rows());
        let each = rows.map(|(&i, sparse)| {
            let sum = dot(dense, self.examples.vector(i)) + sparse_dot(sparse, rest);
            f64::from(sum) - centre
        });
        each.collect()
    }

    /// The sum of all rows, each by its number.
    fn down(&self, by: &[f64]) -> Vec<f32> {
        let dim = self.examples.dim;
        let mut sum = vec![0.0f32; self.mean.len()];
        let all: f64 = by.iter().sum();
        let (dense, rest) = sum.split_at_mut(dim);
        for ((&i, (places, values)), &by) in self.rows.iter().zip(self.sparse.rows()).zip(by) {
            let by = by as f32;
            let row = dense.iter_mut().zip(self.examples.vector(i));
            row.for_each(|(s, x)| *s += by * x);
            for (&place, value) in places.iter().zip(values) {
                rest[usize::from(place)] += by * value;
            }
        }
        let centre = self.mean.iter().zip(&mut sum);
        centre.for_each(|(m, s)| *s -= m * all as f32);
        sum
    }

    /// The `w` that minimises `sum of weight * (w . x - target)^2 + ridge * |w|^2`, by conjugate
    /// gradients until the residual is `close`.
    fn solve(&self, close: f64) -> Vec<f32> {
        let square = |v: &[f32]| v.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
        let targets: Vec<f64> = self
            .rows
            .iter()
            .zip(self.weights)
            .map(|(&i, w)| if i < self.examples.positives { *w } else { -w })
            .collect();
        let mut residual = self.down(&targets);
        let mut direction = residual.clone();
        let mut solution = vec![0.0f32; residual.len()];
        let mut size = square(&residual);
        let enough = close * close * size;
        for _ in 0..STEPS {
            if size <= enough || size == 0.0 {
                break;
            }
            let mut held = self.up(&direction);
            let along: f64 = held.iter().zip(self.weights).map(|(h, w)| w * h * h).sum();
            let step = size / (along + RIDGE * square(&direction));
            held.iter_mut().zip(self.weights).for_each(|(h, w)| *h *= w);
            let image = self.down(&held);
            for ((s, r), (d, m)) in solution
                .iter_mut()
                .zip(&mut residual)
                .zip(direction.iter().zip(&image))
            {
                *s += step as f32 * d;
                *r -= step as f32 * (m + RIDGE as f32 * d);
            }
            let before = size;
            size = square(&residual);
            let turn = (size / before) as f32;
            let next = direction.iter_mut().zip(&residual);
            next.for_each(|(d, r)| *d = r + turn * *d);
        }
        solution
    }
}

/// A fit, with what its n-grams weigh.
struct Fitted<'a> {
    used: &'a [usize],
    dim: usize,
    bias: f64,
    /// What the vector of the mean adds.
    centre: f64,
    solution: Vec<f32>,
    odds: Vec<f32>,
}

impl Fitted<'_> {
    fn score(&self, examples: &Examples, i: usize) -> f64 {
        let (dense, rest) = self.solution.split_at(self.dim);
        let mut sparse = Sparse::default();
        examples.sparse(i, &self.odds, &mut sparse);
        let sum: f32 = sparse.rows().map(|row| sparse_dot(row, rest)).sum();
        let dot = kernel::active().dot;
        let along = f64::from(dot(dense, examples.vector(i)));
        self.bias - self.centre + along + f64::from(sum)
    }

    fn weights(mut self) -> Weights {
        let mut buckets = vec![[0; 2]; ALL];
        let factors = self.solution.split_off(self.dim);
        for ((&bucket, odds), factor) in self.used.iter().zip(&self.odds).zip(factors) {
            if *odds > 0.0 {
                buckets[bucket] = [half(*odds), half(factor)];
            }
        }
        Weights::new(self.bias, self.centre, self.solution, buckets)
    }
}
