//! Sets of slots, a bit each.

/// A set of slots.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn set(&mut self, slot: u32, on: bool) {
        let word = slot as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let bit = 1 << (slot % 64);
        match on {
            true => self.0[word] |= bit,
            false => self.0[word] &= !bit,
        }
    }

    #[inline(always)]
    pub(super) fn has(&self, slot: u32) -> bool {
        let word = self.0.get(slot as usize / 64);
        word.is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The slots, ascending.
    pub(super) fn list(&self) -> Vec<u32> {
        let mut list = Vec::with_capacity(self.count());
        for (first, &word) in (0u32..).step_by(64).zip(&self.0) {
            let mut word = word;
            while word != 0 {
                list.push(first + word.trailing_zeros());
                word &= word - 1;
            }
        }
        list
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.0[..])
    }
}
