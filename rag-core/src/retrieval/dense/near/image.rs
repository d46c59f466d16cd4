//! Codes and graph in an image.

use super::graph::{DEGREE, Links, NONE};
use super::{Metric, Near};
use crate::bytes::Read;
use crate::image::{Reader, Work, Writer};
use crate::kernel::{Large, Meaning};
use std::io;

const UNFIT: &str = "a graph that cannot be walked";

impl Near {
    pub(in crate::retrieval::dense) fn write_image(&self, to: &mut Writer<'_>) -> io::Result<()> {
        let (mean, longest) = self.coder.learnt();
        to.array(mean)?;
        to.array(&[longest, self.coded.longest()])?;
        to.array(&self.coded.codes)?;
        to.array(&self.coded.rest)?;
        to.array(&self.coded.meanings)?;
        to.array(self.links.all())?;
        for list in [&self.entries, &self.dead, &self.dying] {
            to.array(list)?;
        }
        to.array(&[self.linked, self.chosen_for, self.cursor, self.owed].map(|n| n as u64))
    }

    /// Reads what [`Near::write_image`] wrote. The large arrays are not looked at yet:
    /// [`Near::check`] does that.
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
        near.coded.codes = Large::read(&from.array()?)?;
        near.coded.rest = Large::read(&from.array()?)?;
        near.coded.meanings = Large::read(&from.array()?)?;
        near.coded.longest = longest_coded;
        near.links = Links::read(&from.array()?)?;
        if near.coded.codes.len() != count * width / 2
            || near.coded.rest.len() != count * width
            || near.coded.meanings.len() != count
            || near.links.all().len() != count * DEGREE
        {
            return Err("codes or links of another number of slots");
        }
        let all = 0..count as u32;
        let mut good = true;
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
            false => Err(UNFIT),
        }
    }

    /// After everything was found good.
    pub(in crate::retrieval::dense) fn complete(&mut self) {
        self.coded.look_for_widest();
    }

    /// Tells what must be found good before a search.
    pub(in crate::retrieval::dense) fn check<'a>(&'a self, work: &mut Work<'a>) {
        self.coded.meanings.check(work, |meanings| {
            let good = |m: &Meaning| {
                let all = [m.scale, m.rest, m.norm, m.lift];
                all.iter().all(|x| x.is_finite()) && m.norm >= 0.0
            };
            match meanings.iter().all(good) {
                true => Ok(()),
                false => Err(UNFIT),
            }
        });
        self.coded.codes.check(work, |_| Ok(()));
        self.coded.rest.check(work, |_| Ok(()));
        let slots = self.links.len() as u32;
        self.links.all().check(work, move |links| {
            let bad = |&to: &u32| to >= slots && to != NONE;
            // Without a way out in between, so that the machine looks at many at once.
            match links.iter().fold(false, |found, to| found | bad(to)) {
                true => Err("a link to a slot that does not exist"),
                false => Ok(()),
            }
        });
    }
}
