//! An image: arrays of numbers, one after the other in a file, in the form in which they lie in
//! memory, each with its checksum. What is in an image can be made again from elsewhere, so that a
//! damaged one costs time and nothing else.
//!
//! Layout, little-endian, everything at multiples of 64 bytes. Header, 64 bytes: magic `RAGIMAGE`,
//! version `u32`, feature bits `u32` (0), store id `u128`, generation `u64`, covered `u64`, next
//! `u64`, zeros, CRC-32 of the first 60 bytes `u32`. Array: a line of 64 bytes with its length in
//! bytes `u64`, the sum of that `u32` and zeros; then its bytes, zeros, and the sum of all of
//! these `u32` at the end of a line. Last line: magic `RAGIMEND`, where each of the [`PARTS`] begins
//! `u64`, the length of the file `u64`, zeros, CRC-32 of the first 60 bytes `u32`.
//!
//! A sum is a CRC-32 that knows where it belongs: XORed with that of the header's own and of where
//! the array's bytes begin in the file (`u32`, `u64`). So an array that a disk put in another's place, or
//! that is of another image, is noticed. In images of version 1 sums are plain.

mod work;

pub(crate) use work::{Sum, Work};

use crate::bytes::Read;
use crate::disk::{Bytes, Disk, Output, Pages};
use crate::plain::{Plain, bytes_of, numbers_of};
use std::io;
use std::path::Path;

/// Parts that can be read apart from each other.
pub(crate) const PARTS: usize = 3;
pub(crate) const VERSION: u32 = 2;
/// Of images whose sums do not know where they belong.
const PLAIN: u32 = 1;
const MAGIC: &[u8; 8] = b"RAGIMAGE";
const END: &[u8; 8] = b"RAGIMEND";
const LINE: usize = 64;
const DAMAGED: &str = "an array does not match its checksum";
/// Bytes that are checked and copied while they are in the cache.
const AT_ONCE: usize = 1 << 17;
/// Bytes that are written in one go.
const WRITTEN: usize = 1 << 22;

/// Whether numbers lie in memory as they do in a file.
pub(crate) const POSSIBLE: bool = cfg!(target_endian = "little");

/// What an image is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The store, and which of its logs.
    pub(crate) store: u128,
    pub(crate) generation: u64,
    /// How many bytes of the log are in it, and the sequence of the record that comes next.
    pub(crate) covered: u64,
    pub(crate) next: u64,
}

impl Head {
    fn line(&self) -> [u8; LINE] {
        let mut line = [0; LINE];
        line[..8].copy_from_slice(MAGIC);
        line[8..12].copy_from_slice(&VERSION.to_le_bytes());
        line[16..32].copy_from_slice(&self.store.to_le_bytes());
        for (i, number) in [self.generation, self.covered, self.next]
            .iter()
            .enumerate()
        {
            line[32 + 8 * i..][..8].copy_from_slice(&number.to_le_bytes());
        }
        sealed(line)
    }

    /// What stands in a first line, and how sums are salted.
    fn parse(line: &[u8]) -> Read<(Self, Salt)> {
        let line = checked_line(line, MAGIC).ok_or("it does not begin like an image")?;
        // Version and feature bits.
        let salt = match u64_at(line, 8) {
            version if version == u64::from(VERSION) => Salt::of(line),
            version if version == u64::from(PLAIN) => Salt(None),
            _ => return Err("it is an image of another format"),
        };
        let head = Self {
            store: u128::from_le_bytes(line[16..32].try_into().expect("sixteen bytes")),
            generation: u64_at(line, 32),
            covered: u64_at(line, 40),
            next: u64_at(line, 48),
        };
        Ok((head, salt))
    }
}

/// What sums are told of the image that they are in.
#[derive(Clone, Copy, Debug)]
struct Salt(Option<u32>);

impl Salt {
    fn of(head: &[u8; LINE]) -> Self {
        Self(head.last_chunk().copied().map(u32::from_le_bytes))
    }

    /// What a sum of the array whose bytes begin at `at` is XORed with.
    fn at(self, at: u64) -> u32 {
        let Some(head) = self.0 else { return 0 };
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head.to_le_bytes());
        crc.update(&at.to_le_bytes());
        crc.finalize()
    }
}

/// Writes an image.
pub(crate) struct Writer<'a> {
    out: &'a mut dyn Output,
    waiting: Vec<u8>,
    written: u64,
    parts: Vec<u64>,
    salt: Salt,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut dyn Output, head: &Head) -> Self {
        let line = head.line();
        Self {
            out,
            salt: Salt::of(&line),
            waiting: line.to_vec(),
            written: 0,
            parts: Vec::new(),
        }
    }

    /// The next part begins here.
    pub(crate) fn part(&mut self) {
        self.parts.push(self.written + self.waiting.len() as u64);
    }

    pub(crate) fn array<T: Plain>(&mut self, numbers: &[T]) -> io::Result<()> {
        self.pieces(std::iter::once(numbers))
    }

    /// One array of several pieces.
    pub(crate) fn pieces<'p, T: Plain>(
        &mut self,
        pieces: impl Iterator<Item = &'p [T]> + Clone,
    ) -> io::Result<()> {
        let length: usize = pieces.clone().map(size_of_val).sum();
        let begin = self.written + (self.waiting.len() + LINE) as u64;
        let salt = self.salt.at(begin);
        let mut line = [0; LINE];
        line[..8].copy_from_slice(&(length as u64).to_le_bytes());
        let crc = crc32fast::hash(&line[..8]) ^ salt;
        line[8..12].copy_from_slice(&crc.to_le_bytes());
        self.waiting.extend(line);
        let mut crc = crc32fast::Hasher::new();
        for piece in pieces {
            for part in bytes_of(piece).chunks(WRITTEN) {
                crc.update(part);
                self.waiting.extend_from_slice(part);
                if self.waiting.len() >= WRITTEN {
                    self.flush()?;
                }
            }
        }
        let zeros = &[0; LINE][..body(length) - length - 4];
        crc.update(zeros);
        self.waiting.extend_from_slice(zeros);
        self.waiting.extend((crc.finalize() ^ salt).to_le_bytes());
        Ok(())
    }

    /// Ends the image; answers how long it is.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        let mut line = [0; LINE];
        line[..8].copy_from_slice(END);
        for (i, at) in self.parts.iter().take(PARTS).enumerate() {
            line[8 + 8 * i..][..8].copy_from_slice(&at.to_le_bytes());
        }
        let length = self.written + (self.waiting.len() + LINE) as u64;
        line[8 + 8 * PARTS..][..8].copy_from_slice(&length.to_le_bytes());
        self.waiting.extend(sealed(line));
        self.flush()?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write(&self.waiting)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

/// An image that is read.
#[derive(Debug)]
pub(crate) struct Image {
    bytes: Box<dyn Bytes>,
    pub(crate) head: Head,
    salt: Salt,
    /// Where each part begins.
    parts: [usize; PARTS],
}

impl Image {
    /// The image in a file, of which so far only the first and the last line were looked at.
    pub(crate) fn open(disk: &dyn Disk, path: &Path) -> Read<Self> {
        let bytes = disk.map(path).map_err(|_| "it cannot be read")?;
        let all = bytes.bytes();
        let (first, last) = (all.first_chunk::<LINE>(), all.last_chunk::<LINE>());
        let (head, salt) = Head::parse(first.ok_or("it is too short")?)?;
        let last = last.and_then(|line| checked_line(line, END));
        let last = last.ok_or("it does not end like an image")?;
        if u64_at(last, 8 + 8 * PARTS) != all.len() as u64 {
            return Err("it is longer or shorter than it was");
        }
        let mut parts = [0; PARTS];
        for (i, part) in parts.iter_mut().enumerate() {
            let at = usize::try_from(u64_at(last, 8 + 8 * i)).ok();
            let good = at.filter(|&at| at <= all.len() && at.is_multiple_of(LINE));
            *part = good.ok_or("a part begins where none can")?;
        }
        Ok(Self {
            bytes,
            head,
            salt,
            parts,
        })
    }

    /// Reads a part from its beginning.
    pub(crate) fn part(&self, part: usize) -> Reader<'_> {
        self.reader(&self.bytes.bytes()[self.parts[part]..])
    }

    fn reader<'a>(&'a self, rest: &'a [u8]) -> Reader<'a> {
        Reader {
            of: &*self.bytes,
            salt: self.salt,
            rest,
        }
    }

    /// Checks every byte; answers how many there are.
    pub(crate) fn check(&self) -> Read<u64> {
        let all = self.bytes.bytes();
        let mut rest = self.reader(&all[LINE..all.len() - LINE]);
        while !rest.rest.is_empty() {
            rest.array::<u8>()?.each(|_| ())?;
        }
        Ok(all.len() as u64)
    }
}

/// Reads arrays, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    of: &'a dyn Bytes,
    salt: Salt,
    rest: &'a [u8],
}

/// An array whose checksum was not looked at yet.
pub(crate) struct Array<'a, T> {
    of: &'a dyn Bytes,
    /// Where it begins in the file.
    at: usize,
    /// What its sum is XORed with.
    salt: u32,
    body: &'a [u8],
    numbers: &'a [T],
}

impl<'a> Reader<'a> {
    pub(crate) fn array<T: Plain>(&mut self) -> Read<Array<'a, T>> {
        const CUT: &str = "it ends too early";
        let (line, rest) = self.rest.split_first_chunk::<LINE>().ok_or(CUT)?;
        // A part may be cut off at the end of the array, but not in front of it.
        let at = rest.as_ptr().addr() - self.of.bytes().as_ptr().addr();
        let salt = self.salt.at(at as u64);
        let crc = (crc32fast::hash(&line[..8]) ^ salt).to_le_bytes();
        if line[8..12] != crc || line[12..].iter().any(|&byte| byte != 0) {
            return Err("the length of an array does not match its checksum");
        }
        let length = usize::try_from(u64_at(line, 0)).map_err(|_| CUT)?;
        let size = length.checked_add(LINE + 4).map(|_| body(length));
        let (body, rest) = size.and_then(|n| rest.split_at_checked(n)).ok_or(CUT)?;
        self.rest = rest;
        let numbers = numbers_of(&body[..length]).ok_or("an array of other numbers")?;
        let of = self.of;
        Ok(Array {
            of,
            at,
            salt,
            body,
            numbers,
        })
    }

    /// Goes past so many arrays.
    pub(crate) fn skip(&mut self, arrays: usize) -> Read<()> {
        (0..arrays).try_for_each(|_| self.array::<u8>().map(drop))
    }

    /// An array as it is.
    pub(crate) fn vec<T: Plain>(&mut self) -> Read<Vec<T>> {
        let array = self.array()?;
        let mut all = Vec::with_capacity(array.len());
        array.each(|numbers| all.extend_from_slice(numbers))?;
        Ok(all)
    }

    /// An array of exactly so many numbers.
    pub(crate) fn exactly<T: Plain>(&mut self, count: usize) -> Read<Vec<T>> {
        let all = self.vec()?;
        match all.len() == count {
            true => Ok(all),
            false => Err("an array of another length"),
        }
    }

    /// An array of so many numbers.
    pub(crate) fn fixed<T: Plain, const N: usize>(&mut self) -> Read<[T; N]> {
        let all = self.vec()?;
        let fixed = all.first_chunk::<N>().filter(|_| all.len() == N);
        fixed.copied().ok_or("an array of another length")
    }
}

impl<T: Plain> Array<'_, T> {
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Its bytes where they are, to be changed in memory, with room for so many in all; `None` where
    /// the system cannot.
    pub(crate) fn pages(&self, room: usize) -> Option<Pages> {
        self.of.pages(self.at, size_of_val(self.numbers), room)
    }

    /// Hands out all numbers in pieces, and then says whether they were what was written.
    pub(crate) fn each(self, mut each: impl FnMut(&[T])) -> Read<()> {
        let (sums, end) = self.body.split_at(self.body.len() - 4);
        let mut crc = crc32fast::Hasher::new();
        let per_piece = AT_ONCE / size_of::<T>();
        let mut at = 0;
        for numbers in self.numbers.chunks(per_piece) {
            let size = size_of_val(numbers);
            crc.update(&sums[at..at + size]);
            at += size;
            each(numbers);
        }
        crc.update(&sums[at..]);
        match (crc.finalize() ^ self.salt).to_le_bytes() == end {
            true => Ok(()),
            false => Err(DAMAGED),
        }
    }
}

/// Bytes that an array of so many takes, with zeros and its checksum.
fn body(length: usize) -> usize {
    (length + 4).div_ceil(LINE) * LINE
}

fn sealed(mut line: [u8; LINE]) -> [u8; LINE] {
    let crc = crc32fast::hash(&line[..60]);
    line[60..].copy_from_slice(&crc.to_le_bytes());
    line
}

fn checked_line<'a>(line: &'a [u8], magic: &[u8; 8]) -> Option<&'a [u8; LINE]> {
    let line = line.first_chunk::<LINE>()?;
    let good = line.starts_with(magic) && line[60..] == crc32fast::hash(&line[..60]).to_le_bytes();
    good.then_some(line)
}

fn u64_at(line: &[u8; LINE], at: usize) -> u64 {
    u64::from_le_bytes(line[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::simulated::Simulated;

    const HEAD: Head = Head {
        store: 7,
        generation: 2,
        covered: 128,
        next: 3,
    };

    fn written() -> Vec<u8> {
        let disk = Simulated::default();
        let path = Path::new("image");
        let mut out = disk.create(path).unwrap();
        let mut writer = Writer::new(&mut *out, &HEAD);
        writer.part();
        writer.array(&[1u32, 2, 3]).unwrap();
        writer.part();
        let pieces = [&[0.5f32, 1.5][..], &[], &[2.5]];
        writer.pieces(pieces.iter().copied()).unwrap();
        writer.part();
        writer.array::<u64>(&[]).unwrap();
        writer.array(&[9u8; 300_000]).unwrap();
        let length = writer.finish().unwrap();
        let bytes = disk.read(path, 1 << 20).unwrap();
        assert_eq!(bytes.len() as u64, length);
        bytes
    }

    fn opened(bytes: &[u8]) -> Read<Image> {
        let disk = Simulated::default();
        disk.create(Path::new("image"))
            .unwrap()
            .write(bytes)
            .unwrap();
        Image::open(&disk, Path::new("image"))
    }

    #[test]
    fn what_was_written_is_read_part_by_part() {
        let image = opened(&written()).unwrap();
        assert_eq!(image.head, HEAD);
        assert_eq!(image.part(0).vec::<u32>(), Ok(vec![1, 2, 3]));
        assert_eq!(image.part(1).fixed::<f32, 3>(), Ok([0.5, 1.5, 2.5]));
        assert!(image.part(1).fixed::<f32, 2>().is_err());
        assert!(image.part(1).vec::<u64>().is_err(), "twelve bytes");
        let mut last = image.part(2);
        assert_eq!(last.vec::<u64>(), Ok(vec![]));
        assert_eq!(last.exactly::<u8>(300_000), Ok(vec![9; 300_000]));
        assert!(last.vec::<u8>().is_err(), "the end is no array");
        assert_eq!(image.check(), Ok(written().len() as u64));
    }

    #[test]
    fn what_lies_in_the_place_of_another_is_noticed() {
        let good = written();
        let line = |at: usize| at * LINE..(at + 1) * LINE;
        let lines = good.len() / LINE - 1;
        let everything = |bytes: &[u8]| opened(bytes).and_then(|image| image.check());
        for from in (1..8).chain(lines - 4..lines) {
            for to in (1..8).chain(lines - 4..lines) {
                let (mut bad, moved) = (good.clone(), good[line(from)].to_vec());
                bad[line(to)].copy_from_slice(&moved);
                assert_eq!(everything(&bad).is_ok(), bad == good, "line {from} at {to}");
            }
        }
        // Whole arrays of one length, each sound by itself.
        let of = |head: &Head, numbers: [u32; 2]| {
            let disk = Simulated::default();
            let path = Path::new("image");
            let mut out = disk.create(path).unwrap();
            let mut writer = Writer::new(&mut *out, head);
            (0..PARTS).for_each(|_| writer.part());
            for number in numbers {
                writer.array(&[number]).unwrap();
            }
            writer.finish().unwrap();
            disk.read(path, 1 << 20).unwrap()
        };
        let one = of(&HEAD, [1, 2]);
        let mut swapped = one.clone();
        swapped[LINE..3 * LINE].copy_from_slice(&one[3 * LINE..5 * LINE]);
        assert!(everything(&one).is_ok() && everything(&swapped).is_err());
        let other = of(
            &Head {
                covered: 256,
                ..HEAD
            },
            [7, 2],
        );
        let mut mixed = one.clone();
        mixed[LINE..3 * LINE].copy_from_slice(&other[LINE..3 * LINE]);
        assert!(everything(&other).is_ok() && everything(&mixed).is_err());
    }

    #[test]
    fn images_whose_sums_are_plain_are_read() {
        let mut old = written();
        let salt = Salt::of(old.first_chunk().unwrap());
        let mut at = LINE;
        while at < old.len() - LINE {
            let length = u64_at(old[at..].first_chunk().unwrap(), 0) as usize;
            let (begin, end) = (at + LINE, at + LINE + body(length));
            for place in [at + 8, end - 4] {
                let sum = u32::from_le_bytes(old[place..place + 4].try_into().unwrap());
                let plain = sum ^ salt.at(begin as u64);
                old[place..place + 4].copy_from_slice(&plain.to_le_bytes());
            }
            at = end;
        }
        assert!(opened(&old).unwrap().check().is_err());
        old[8] = 1;
        let crc = crc32fast::hash(&old[..60]);
        old[60..64].copy_from_slice(&crc.to_le_bytes());
        let image = opened(&old).unwrap();
        assert_eq!(image.check(), Ok(old.len() as u64));
        assert_eq!(image.part(0).vec::<u32>(), Ok(vec![1, 2, 3]));
        old[8] = 3;
        let crc = crc32fast::hash(&old[..60]);
        old[60..64].copy_from_slice(&crc.to_le_bytes());
        assert!(opened(&old).is_err(), "a version to come");
    }

    #[test]
    fn no_byte_changes_unnoticed() {
        let good = written();
        let everything = |bytes: &[u8]| opened(bytes).and_then(|image| image.check());
        for at in (0..1000).chain(good.len() - 200..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            assert!(everything(&bad).is_err(), "byte {at}");
        }
        for cut in (0..700).chain(good.len() - 100..good.len()) {
            assert!(everything(&good[..cut]).is_err(), "cut at {cut}");
        }
    }
}
