//! A front of two columns that grows point by point.

/// Steps that one block holds; beyond that it is split, so that inserting never moves many.
const BLOCK: usize = 96;

/// Points `(y, z)`: z falls as y rises.
#[derive(Default)]
pub(super) struct Stairs {
    blocks: Vec<Vec<(f64, f64)>>,
    /// The first y of each block; none is empty.
    firsts: Vec<f64>,
}

/// Where a point would stand.
pub(super) struct Place {
    block: usize,
    at: usize,
    /// The step before it.
    pub left: Option<(f64, f64)>,
}

impl Stairs {
    /// Whether a step is nowhere greater than the point.
    pub fn covers(&self, y: f64, z: f64) -> bool {
        let block = self.firsts.partition_point(|first| *first <= y);
        if block == 0 {
            return false;
        }
        let steps = &self.blocks[block - 1];
        steps[steps.partition_point(|step| step.0 <= y) - 1].1 <= z
    }

    /// The place behind all steps with a smaller y.
    pub fn locate(&self, y: f64) -> Place {
        let block = self.firsts.partition_point(|first| *first < y);
        let Some(block) = block.checked_sub(1) else {
            return Place {
                block: 0,
                at: 0,
                left: None,
            };
        };
        let at = self.blocks[block].partition_point(|step| step.0 < y);
        let left = Some(self.blocks[block][at - 1]);
        Place { block, at, left }
    }

    /// The step at a place or behind it.
    pub fn at(&self, place: &Place) -> Option<(f64, f64)> {
        let here = self.blocks.get(place.block)?.get(place.at);
        let next = || self.blocks.get(place.block + 1).map(|steps| &steps[0]);
        here.or_else(next).copied()
    }

    /// Puts a point that no step covers at its place. `covered` hears of the steps that it takes away, in
    /// order; the answer is the step behind it.
    pub fn insert(
        &mut self,
        place: Place,
        y: f64,
        z: f64,
        mut covered: impl FnMut(f64, f64),
    ) -> Option<(f64, f64)> {
        let Place { block, at, .. } = place;
        if self.blocks.is_empty() {
            self.blocks.push(vec![(y, z)]);
            self.firsts.push(y);
            return None;
        }
        let steps = &mut self.blocks[block];
        let mut end = at;
        while let Some(step) = steps.get(end).filter(|step| step.1 >= z) {
            covered(step.0, step.1);
            end += 1;
        }
        let all = end == steps.len();
        if end > at {
            steps[at] = (y, z);
            steps.drain(at + 1..end);
        } else {
            steps.insert(at, (y, z));
        }
        if at == 0 {
            self.firsts[block] = y;
        }
        if all {
            self.trim(block + 1, z, covered);
        }
        let next = self.at(&Place {
            block,
            at: at + 1,
            left: None,
        });
        if self.blocks[block].len() > BLOCK {
            let upper = self.blocks[block].split_off(BLOCK / 2);
            self.firsts.insert(block + 1, upper[0].0);
            self.blocks.insert(block + 1, upper);
        }
        next
    }

    /// Takes away the steps from a block on that are as high as `z`.
    fn trim(&mut self, from: usize, z: f64, mut covered: impl FnMut(f64, f64)) {
        let mut block = from;
        while let Some(steps) = self.blocks.get_mut(block) {
            let count = steps.iter().take_while(|step| step.1 >= z).count();
            steps[..count]
                .iter()
                .for_each(|step| covered(step.0, step.1));
            if count < steps.len() {
                steps.drain(..count);
                self.firsts[block] = steps[0].0;
                break;
            }
            block += 1;
        }
        self.blocks.drain(from..block);
        self.firsts.drain(from..block);
    }
}
