//! Plain numbers as the bytes that they are made of, and back, without copying.
#![allow(unsafe_code)]

/// A number that any bytes spell.
///
/// # Safety
/// Every pattern of bits is a value, there is no padding, and 64 is a multiple of the size.
pub unsafe trait Plain: Copy + Default + Send + Sync + 'static {}

macro_rules! plain {
    ($($number:ty)*) => {
        // SAFETY: a primitive number of 1, 2, 4 or 8 bytes.
        $(unsafe impl Plain for $number {})*
    };
}
plain!(u8 i8 u16 u32 u64 f32);

/// The bytes of numbers, as the machine has them.
pub(crate) fn bytes_of<T: Plain>(numbers: &[T]) -> &[u8] {
    // SAFETY: there is no padding, so that all bytes are set, and `u8` has no alignment.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}

/// Bytes as numbers, as the machine has them; `None` if they do not begin at a multiple of a
/// number's size or leave a rest.
pub(crate) fn numbers_of<T: Plain>(bytes: &[u8]) -> Option<&[T]> {
    let size = size_of::<T>();
    if bytes.as_ptr().align_offset(align_of::<T>()) != 0 || !bytes.len().is_multiple_of(size) {
        return None;
    }
    // SAFETY: any bits are a number, and alignment and length were checked.
    Some(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size) })
}

/// A buffer of bytes that begins at a multiple of 64.
#[derive(Debug)]
pub(crate) struct AlignedBytes {
    room: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBytes {
    /// Filled by `fill`, which answers how many bytes it set.
    pub(crate) fn filled<E>(
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Self, E> {
        let mut room = vec![0; len + 63];
        let start = room.as_ptr().align_offset(64).min(63);
        let len = fill(&mut room[start..start + len])?;
        Ok(Self { room, start, len })
    }
}

impl std::ops::Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_their_bytes() {
        let numbers = [1u32, 0x0203_0405];
        let bytes = bytes_of(&numbers);
        assert_eq!(bytes.len(), 8);
        assert_eq!(numbers_of::<u32>(bytes), Some(&numbers[..]));
        let filled = AlignedBytes::filled(17, |room| {
            room.fill(7);
            Ok::<usize, ()>(16)
        });
        let filled = filled.unwrap();
        assert_eq!((filled.len(), filled.as_ptr().align_offset(64)), (16, 0));
        assert_eq!(
            numbers_of::<u64>(&filled),
            Some(&[0x0707_0707_0707_0707; 2][..])
        );
        assert!(numbers_of::<u64>(&filled[1..9]).is_none(), "not aligned");
        assert!(numbers_of::<u32>(&filled[..6]).is_none(), "a rest");
    }
}
