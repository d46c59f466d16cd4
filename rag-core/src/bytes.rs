//! Saved things as bytes: little-endian numbers one after the other, written and read.
//!
//! Bytes that are read may be anything. Every read says what is wrong in a few words, which the
//! caller puts into its own error, and no memory is taken for a number that was only announced.

/// What was read, or what is wrong with the bytes.
pub(crate) type Read<T> = Result<T, &'static str>;

const CUT: &str = "the bytes end too early";

/// Bytes in the making.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn byte(&mut self, x: u8) {
        self.0.push(x);
    }

    pub(crate) fn short(&mut self, x: u16) {
        self.bytes(&x.to_le_bytes());
    }

    pub(crate) fn word(&mut self, x: u32) {
        self.bytes(&x.to_le_bytes());
    }

    pub(crate) fn long(&mut self, x: u64) {
        self.bytes(&x.to_le_bytes());
    }

    pub(crate) fn reals(&mut self, reals: &[f64]) {
        reals.iter().for_each(|x| self.bytes(&x.to_le_bytes()));
    }

    pub(crate) fn floats(&mut self, floats: &[f32]) {
        floats.iter().for_each(|x| self.bytes(&x.to_le_bytes()));
    }

    pub(crate) fn bytes(&mut self, x: &[u8]) {
        self.0.extend_from_slice(x);
    }

    /// How many follow, as a `u32`.
    ///
    /// # Panics
    /// Beyond 2^32 - 1, which callers exclude by their own limits.
    pub(crate) fn count(&mut self, n: usize) {
        self.word(u32::try_from(n).expect("what is counted has a limit below 2^32"));
    }

    /// Their number, then the bytes.
    pub(crate) fn text(&mut self, text: &[u8]) {
        self.count(text.len());
        self.bytes(text);
    }

    /// Their number, then the slots.
    pub(crate) fn slots(&mut self, slots: &[u32]) {
        self.count(slots.len());
        slots.iter().for_each(|&slot| self.word(slot));
    }
}

/// Bytes that may be anything.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes that were not read.
    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn bytes(&mut self, n: usize) -> Read<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(n).ok_or(CUT)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk().ok_or(CUT)?;
        self.0 = rest;
        Ok(*array)
    }

    /// `n` arrays of `N` bytes.
    pub(crate) fn arrays<const N: usize>(&mut self, n: usize) -> Read<&'a [[u8; N]]> {
        let bytes = self.bytes(n.checked_mul(N).ok_or(CUT)?)?;
        Ok(bytes.as_chunks().0)
    }

    pub(crate) fn byte(&mut self) -> Read<u8> {
        self.array::<1>().map(|[x]| x)
    }

    pub(crate) fn short(&mut self) -> Read<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn word(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn long(&mut self) -> Read<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Any float64, not a number among them.
    pub(crate) fn real(&mut self) -> Read<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// `n` numbers of any kind.
    pub(crate) fn any_floats(&mut self, n: usize) -> Read<Vec<f32>> {
        let floats = self.arrays::<4>(n)?.iter();
        Ok(floats.map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// `n` numbers, all of them finite.
    pub(crate) fn floats(&mut self, n: usize) -> Read<Vec<f32>> {
        let floats = self.any_floats(n)?;
        match floats.iter().all(|x| x.is_finite()) {
            true => Ok(floats),
            false => Err("a number that is not finite"),
        }
    }

    /// What [`Writer::count`] wrote.
    pub(crate) fn count(&mut self) -> Read<usize> {
        self.word().map(|n| n as usize)
    }

    /// What [`Writer::text`] wrote, be it a text or not.
    pub(crate) fn text_bytes(&mut self) -> Read<&'a [u8]> {
        let n = self.count()?;
        self.bytes(n)
    }

    pub(crate) fn text(&mut self) -> Read<&'a str> {
        std::str::from_utf8(self.text_bytes()?).map_err(|_| "a text that is not UTF-8")
    }

    /// Slots below `count`.
    pub(crate) fn slots(&mut self, count: usize) -> Read<Vec<u32>> {
        let n = self.count()?;
        let slots = self.arrays::<4>(n)?.iter();
        let slots: Vec<u32> = slots.map(|b| u32::from_le_bytes(*b)).collect();
        match slots.iter().all(|&slot| (slot as usize) < count) {
            true => Ok(slots),
            false => Err("a slot that does not exist"),
        }
    }

    /// `n` items. What is kept grows as they are read: a number that lies runs out of bytes, not
    /// of memory.
    pub(crate) fn items<T, E>(
        &mut self,
        n: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let mut items = Vec::new();
        for _ in 0..n {
            items.push(item(self)?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_was_not_is_refused() {
        let mut to = Writer::default();
        to.byte(1);
        to.short(2);
        to.word(3);
        to.long(4);
        to.reals(&[f64::NAN, 0.5]);
        to.floats(&[1.5, f32::INFINITY]);
        to.text("\u{1F600}".as_bytes());
        to.slots(&[0, 9]);
        let bytes = to.finish();
        let read = |bytes: &[u8], below: usize| -> Read<usize> {
            let mut from = Reader::new(bytes);
            assert_eq!((from.byte()?, from.short()?, from.word()?), (1, 2, 3));
            assert_eq!(from.long()?, 4);
            assert!(from.real()?.is_nan());
            assert_eq!(from.real()?, 0.5);
            assert_eq!(from.any_floats(2)?, [1.5, f32::INFINITY]);
            assert_eq!(from.text()?, "\u{1F600}");
            assert_eq!(from.slots(below)?, [0, 9]);
            Ok(from.left())
        };
        assert_eq!(read(&bytes, 10), Ok(0));
        assert!(read(&bytes, 9).is_err());
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut], 10), Err(CUT), "cut at {cut}");
        }
        let floats = [1.0f32.to_le_bytes(), f32::NAN.to_le_bytes()].concat();
        assert!(Reader::new(&floats).floats(2).is_err());
        assert!(Reader::new(&[0xff; 8]).text().is_err());
        assert!(Reader::new(&[1, 0, 0, 0, 0xff]).text().is_err());
        assert!(Reader::new(&[]).arrays::<8>(usize::MAX).is_err());
    }
}
