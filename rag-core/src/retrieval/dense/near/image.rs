//! Codes and graph in an image.

use super::coder::Meaning;
use super::{Metric, Near};
use crate::bytes::Read;
use crate::image::{Reader, Writer};
use std::io;

impl Near {
    pub(in crate::retrieval::dense) fn write_image(&self, to: &mut Writer<'_>) -> io::Result<()> {
        let (mean, longest) = self.coder.learnt();
        to.array(mean)?;
        to.array(&[longest, self.coded.longest()])?;
        to.array(&self.coded.codes)?;
        to.array(&self.coded.rest)?;
        let meanings = self.coded.meanings.iter();
        let meanings = meanings.flat_map(|m| [m.scale, m.rest, m.norm, m.lift]);
        to.array(&meanings.collect::<Vec<f32>>())?;
        to.array(self.links.all())?;
        for list in [&self.entries, &self.dead, &self.dying] {
            to.array(list)?;
        }
        to.array(&[self.linked, self.chosen_for, self.cursor, self.owed].map(|n| n as u64))
    }

    pub(in crate::retrieval::dense) fn read_image(
        metric: Metric,
        dim: usize,
        seed: u64,
        count: usize,
        from: &mut Reader<'_>,
    ) -> Read<Self> {
        let mut near = Self::new(metric, dim, seed, &[]);
        let width = near.coder.width();
        let mean = from.exactly::<f32>(dim)?;
        let [longest, longest_coded] = from.fixed::<f32, 2>()?;
        near.coder.set_learnt(mean, longest);
        let codes = from.array::<u8>()?;
        let rest = from.array::<i8>()?;
        let meanings = from.array::<f32>()?;
        let links = from.array::<u32>()?;
        if codes.len() != count * width / 2
            || rest.len() != count * width
            || meanings.len() != count * 4
            || links.len() != count * super::graph::DEGREE
        {
            return Err("codes or links of another number of slots");
        }
        near.coded.read(codes, rest, count, longest_coded)?;
        let mut good = true;
        meanings.each(|numbers| {
            for four in numbers.as_chunks::<4>().0 {
                good &= four.iter().all(|x| x.is_finite()) && four[2] >= 0.0;
                near.coded.push_meaning(Meaning {
                    scale: four[0],
                    rest: four[1],
                    norm: four[2],
                    lift: four[3],
                });
            }
        })?;
        near.links.read(links)?;
        let all = 0..count as u32;
        for list in [&mut near.entries, &mut near.dead, &mut near.dying] {
            *list = from.vec()?;
            good &= list.iter().all(|slot| all.contains(slot));
        }
        let numbers = from.fixed::<u64, 4>()?;
        let [linked, chosen_for, cursor, owed] = numbers.map(|n| n as usize);
        good &= numbers[..3].iter().all(|&n| n <= count as u64);
        near.reach = super::upkeep::reach(&near.links);
        (near.linked, near.chosen_for, near.cursor) = (linked, chosen_for, cursor);
        near.owed = owed;
        let entered = !near.entries.is_empty() || near.linked == 0;
        match good && entered && near.linked >= near.dying.len() {
            true => Ok(near),
            false => Err("a graph that cannot be walked"),
        }
    }
}
