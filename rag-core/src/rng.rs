//! Seeded randomness: the same seed gives the same numbers on every machine and in every release.
//!
//! xoshiro256++ (Blackman and Vigna, 2019), seeded through SplitMix64. Not for secrets.

/// A stream of random numbers from a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: [u64; 4],
}

/// One step of SplitMix64: a good hash of a counter.
pub fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// The stream of `seed`.
    ///
    /// ```
    /// use rag_core::Rng;
    /// assert_eq!(Rng::new(7).next_u64(), Rng::new(7).next_u64());
    /// ```
    pub fn new(seed: u64) -> Self {
        let mut s = seed;
        Self {
            state: std::array::from_fn(|_| splitmix64(&mut s)),
        }
    }

    /// A stream of its own for `seed` and a number, for work that is split.
    pub fn fork(seed: u64, stream: u64) -> Self {
        let mut s = stream;
        Self::new(seed ^ splitmix64(&mut s))
    }

    /// A seed from the operating system's randomness, for callers who gave none.
    ///
    /// Forked processes get different ones. Where the system has none to give, the time and the
    /// process are taken instead.
    pub fn seed_from_system() -> u64 {
        getrandom::u64().unwrap_or_else(|_| {
            use std::time::{SystemTime, UNIX_EPOCH};
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let mut state = now.map_or(0, |now| now.as_nanos() as u64);
            splitmix64(&mut state) ^ u64::from(std::process::id())
        })
    }

    /// The state, to save; [`Rng::from_state`] goes on from there.
    pub fn state(&self) -> [u64; 4] {
        self.state
    }

    /// Goes on from a saved state. The all-zero state, which is stuck, becomes that of seed 0.
    pub fn from_state(state: [u64; 4]) -> Self {
        if state == [0; 4] {
            return Self::new(0);
        }
        Self { state }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in 0..n; 0 when `n` is 0. Unbiased (Lemire, 2019).
    pub fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        if n == 0 {
            return 0;
        }
        let mut m = u128::from(self.next_u64()) * u128::from(n);
        if (m as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (m as u64) < threshold {
                m = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (m >> 64) as usize
    }

    /// Standard normal (Marsaglia's polar method; one of the pair is dropped to keep no state).
    pub fn normal(&mut self) -> f64 {
        loop {
            let u = 2.0 * self.uniform() - 1.0;
            let v = 2.0 * self.uniform() - 1.0;
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * s.ln() / s).sqrt();
            }
        }
    }

    /// Puts a slice into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// A hash of a name under a salt that is the same in every version, on every machine and in every language.
///
/// It is FNV-1a of 64 bits (Fowler, Noll and Vo) over the bytes of the salt, a zero byte, and the bytes of the name
/// in UTF-8, then the last steps of MurmurHash3 (Appleby, 2011), without which names that differ in the last
/// letter only would be near each other.
///
/// ```
/// assert_eq!(rag_core::rng::stable_hash("ranking", "ann"), 0x14cf_b60d_645e_fc44);
/// ```
pub fn stable_hash(salt: &str, name: &str) -> u64 {
    let bytes = salt.bytes().chain([0]).chain(name.bytes());
    let mut h = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^= h >> 33;
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

/// For tables whose keys are hashes already.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl std::hash::Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            let mut whole = [0; 8];
            whole[..word.len()].copy_from_slice(word);
            self.0 ^= u64::from_le_bytes(whole);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

/// A number below `n` by a hash: the upper half of `hash * n`.
pub(crate) fn scaled(hash: u64, n: u64) -> u64 {
    ((u128::from(hash) * u128::from(n)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_frozen() {
        let mut rng = Rng::new(42);
        let got: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(got, FROZEN);
    }
    const FROZEN: [u64; 3] = [
        15021278609987233951,
        5881210131331364753,
        18149643915985481100,
    ];

    #[test]
    fn moments_of_uniform_and_normal() {
        let mut rng = Rng::new(1);
        let n = 200_000;
        let (mut u, mut z, mut zz) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            u += rng.uniform();
            let x = rng.normal();
            z += x;
            zz += x * x;
        }
        let n = f64::from(n);
        assert!((u / n - 0.5).abs() < 0.003);
        assert!((z / n).abs() < 0.01 && (zz / n - 1.0).abs() < 0.02);
    }

    #[test]
    fn below_reaches_both_ends() {
        let mut rng = Rng::new(3);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[rng.below(5)] += 1;
        }
        assert!(seen.iter().all(|&n| n > 100), "{seen:?}");
        assert_eq!(rng.below(0), 0);
    }
}
