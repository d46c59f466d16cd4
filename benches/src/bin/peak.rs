//! What this processor can do at most: multiply-adds held in registers, and bytes read.
//!
//! `cargo run --release -p ragcore-benches --bin peak [-- --threads N] [--seconds S]
//! [--arithmetic] [--json]`
//! Every other figure is read as a share of these. A measure that the processor cannot run is
//! left out. Rates are per second of processor time, the best of several bouts, so that other
//! work on the machine disturbs them little; the rate by the clock on the wall stands beside
//! them. With several threads the rates are the sum over all.
#![allow(unsafe_code)]

use ragcore_benches::cpu::{peak_gflops, thread_seconds};
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

/// One thing to measure: a bout of it answers the operations (or bytes) done.
struct Measure {
    name: &'static str,
    unit: &'static str,
    /// Bytes of the buffer that every thread reads; none for arithmetic.
    buffer: usize,
    bout: fn(&[u64]) -> f64,
}

/// Sum over the threads of the best bout, by processor time and by the wall.
struct Rate {
    cpu: f64,
    wall: f64,
}

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: f64| -> Result<f64, String> {
        let Some(at) = arguments.iter().position(|a| a == name) else {
            return Ok(default);
        };
        let text = arguments.get(at + 1).map_or("", String::as_str);
        (text.parse().ok())
            .filter(|x: &f64| *x > 0.0 && *x <= 256.0)
            .ok_or_else(|| {
                format!("{name}: a number above 0, at most 256, expected, got \"{text}\"")
            })
    };
    let (threads, seconds) = (
        number("--threads", 1.0)? as usize,
        number("--seconds", 0.3)?,
    );
    let json = arguments.iter().any(|a| a == "--json");
    let arithmetic = arguments.iter().any(|a| a == "--arithmetic");
    let mut figures = serde_json::Map::new();
    for measure in measures() {
        if arithmetic && measure.buffer > 0 {
            continue;
        }
        let rate = run(&measure, threads.max(1), seconds);
        if json {
            figures.insert(measure.name.to_owned(), rate.cpu.into());
        } else {
            println!(
                "{threads} thread(s)  {:<16} {:>8.1} {} (wall {:.1})",
                measure.name, rate.cpu, measure.unit, rate.wall
            );
        }
    }
    if json {
        println!("{}", serde_json::Value::Object(figures));
    }
    Ok(())
}

fn measures() -> Vec<Measure> {
    #[allow(unused_mut, reason = "only x86 has more")]
    let mut all = vec![Measure {
        name: "f32",
        unit: "GFLOP/s",
        buffer: 0,
        // `peak_gflops` times itself; `run` reads the rate as it is.
        bout: |_| peak_gflops(),
    }];
    #[cfg(target_arch = "x86_64")]
    all.extend(x86::measures());
    for (name, buffer) in [
        ("read 512 KB", 512 << 10),
        ("read 8 MB", 8 << 20),
        ("read 512 MB", 512 << 20),
    ] {
        all.push(Measure {
            name,
            unit: "GB/s",
            buffer,
            bout: read,
        });
    }
    all
}

/// Bouts on every thread at once, until `seconds` are over.
fn run(measure: &Measure, threads: usize, seconds: f64) -> Rate {
    let barrier = Barrier::new(threads);
    let one = || {
        let buffer = vec![1u64; measure.buffer / size_of::<u64>()];
        let mut best = Rate {
            cpu: 0.0,
            wall: 0.0,
        };
        barrier.wait();
        let start = Instant::now();
        let mut bouts = 0;
        while bouts < 3 || start.elapsed().as_secs_f64() < seconds {
            let (wall, cpu) = (Instant::now(), thread_seconds(start));
            let done = (measure.bout)(black_box(&buffer));
            let cpu = thread_seconds(start) - cpu;
            let (cpu, wall) = if measure.name == "f32" {
                (done, done * cpu / wall.elapsed().as_secs_f64())
            } else {
                (done / cpu / 1e9, done / wall.elapsed().as_secs_f64() / 1e9)
            };
            best.cpu = best.cpu.max(cpu);
            best.wall = best.wall.max(wall);
            bouts += 1;
        }
        best
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let mut sum = Rate {
            cpu: 0.0,
            wall: 0.0,
        };
        for thread in running {
            let rate = thread.join().expect("a measure does not panic");
            sum.cpu += rate.cpu;
            sum.wall += rate.wall;
        }
        sum
    })
}

/// Reads the buffer until 256 MB or all of it have gone by.
fn read(buffer: &[u64]) -> f64 {
    let passes = ((256 << 20) / size_of_val(buffer)).max(1);
    for _ in 0..passes {
        let buffer = black_box(buffer);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was just detected.
            black_box(unsafe { x86::sum_512(buffer) });
            continue;
        }
        let mut sums = [0u64; 32];
        for chunk in buffer.as_chunks::<32>().0 {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum ^= x;
            }
        }
        black_box(sums);
    }
    (passes * size_of_val(buffer)) as f64
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Measure;
    use std::arch::asm;
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// Repeats of a bout of arithmetic: some ten milliseconds.
    const ROUNDS: usize = 1 << 20;

    pub(super) fn measures() -> Vec<Measure> {
        let measure = |name, bout| Measure {
            name,
            unit: "GOP/s",
            buffer: 0,
            bout,
        };
        let mut all = Vec::new();
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
            // SAFETY: the features were just detected.
            all.push(measure("bf16 avx512", |_| unsafe { bf16_512() }));
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
            // SAFETY: the features were just detected.
            all.push(measure("int8 avx512", |_| unsafe { int8_512() }));
        }
        let (bf16, int8) = amx::ready();
        if bf16 {
            // SAFETY: `ready` says that the processor has the tiles and the system lends them.
            all.push(measure("bf16 amx", |_| unsafe { amx::bf16() }));
        }
        if int8 {
            // SAFETY: as above.
            all.push(measure("int8 amx", |_| unsafe { amx::int8() }));
        }
        all
    }

    /// Sixteen independent chains of `x += pairs of bf16`: 64 operations each.
    #[target_feature(enable = "avx512f,avx512bf16")]
    fn bf16_512() -> f64 {
        let one = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1.0), _mm512_set1_ps(1.0));
        let (a, b) = (black_box(one), black_box(one));
        let mut sums = [_mm512_setzero_ps(); 16];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm512_dpbf16_ps(*sum, a, b);
            }
        }
        black_box(sums);
        (ROUNDS * 16 * 64) as f64
    }

    /// Sixteen independent chains of `x += groups of four bytes`: 128 operations each.
    #[target_feature(enable = "avx512f,avx512vnni")]
    fn int8_512() -> f64 {
        let (a, b) = (
            black_box(_mm512_set1_epi8(1)),
            black_box(_mm512_set1_epi8(1)),
        );
        let mut sums = [_mm512_setzero_si512(); 16];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, a, b);
            }
        }
        black_box(sums);
        (ROUNDS * 16 * 128) as f64
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn sum_512(buffer: &[u64]) -> __m512i {
        let mut sums = [_mm512_setzero_si512(); 8];
        for chunk in buffer.as_chunks::<64>().0 {
            for (sum, part) in sums.iter_mut().zip(chunk.as_chunks::<8>().0) {
                // SAFETY: `part` is an array of exactly 64 bytes.
                let x = unsafe { _mm512_loadu_si512(part.as_ptr().cast()) };
                *sum = _mm512_xor_si512(*sum, x);
            }
        }
        sums.iter()
            .fold(_mm512_setzero_si512(), |a, b| _mm512_xor_si512(a, *b))
    }

    /// Tile products (Intel AMX), by assembly: Rust has no stable intrinsics for them.
    mod amx {
        use super::{__cpuid, __cpuid_count, ROUNDS, asm, black_box};

        /// Whether tiles can be multiplied in bf16 and in int8: the processor has them, the
        /// system saves them, and this process was given them.
        pub(super) fn ready() -> (bool, bool) {
            const OSXSAVE: u32 = 1 << 27;
            const TILES_SAVED: u64 = 0b11 << 17;
            if __cpuid(0).eax < 7 || __cpuid(1).ecx & OSXSAVE == 0 {
                return (false, false);
            }
            let saved: u64;
            // SAFETY: OSXSAVE says that `xgetbv` may be executed here.
            unsafe {
                let (low, high): (u32, u32);
                asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high,
                    options(nomem, nostack, preserves_flags));
                saved = u64::from(high) << 32 | u64::from(low);
            }
            let has = __cpuid_count(7, 0).edx;
            let tiles = has & 1 << 24 != 0 && saved & TILES_SAVED == TILES_SAVED && lent();
            (tiles && has & 1 << 22 != 0, tiles && has & 1 << 25 != 0)
        }

        /// Asks Linux for the tiles' state, which it gives only to processes that ask.
        fn lent() -> bool {
            #[cfg(target_os = "linux")]
            {
                const ARCH_PRCTL: i64 = 158;
                const REQUEST_XCOMP_PERMISSION: u64 = 0x1023;
                const TILE_DATA: u64 = 18;
                let answer: i64;
                // SAFETY: this call changes nothing but the permission; the kernel overwrites
                // rax, rcx and r11 alone.
                unsafe {
                    asm!("syscall", inout("rax") ARCH_PRCTL => answer,
                        in("rdi") REQUEST_XCOMP_PERMISSION, in("rsi") TILE_DATA,
                        out("rcx") _, out("r11") _, options(nostack));
                }
                answer == 0
            }
            #[cfg(not(target_os = "linux"))]
            false
        }

        /// Eight tiles of 16 rows of 64 bytes, palette 1.
        #[repr(C, align(64))]
        struct Shape([u8; 64]);

        fn shape() -> Shape {
            let mut bytes = [0; 64];
            bytes[0] = 1;
            for tile in 0..8 {
                bytes[16 + 2 * tile] = 64;
                bytes[48 + tile] = 16;
            }
            Shape(bytes)
        }

        /// A bout of products into six tiles in turn: 16 x 16 sums of 64 bytes each.
        macro_rules! bout {
            ($instruction:literal, $operations:expr) => {{
                let shape = black_box(shape());
                // SAFETY: the caller says that tiles may be used; the shape is a valid one, the
                // tiles are zero before they are read, and released at the end.
                unsafe {
                    asm!(
                        "ldtilecfg [{shape}]",
                        "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                        "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
                        "2:",
                        concat!($instruction, " tmm0, tmm6, tmm7"),
                        concat!($instruction, " tmm1, tmm6, tmm7"),
                        concat!($instruction, " tmm2, tmm6, tmm7"),
                        concat!($instruction, " tmm3, tmm6, tmm7"),
                        concat!($instruction, " tmm4, tmm6, tmm7"),
                        concat!($instruction, " tmm5, tmm6, tmm7"),
                        "dec {rounds}",
                        "jnz 2b",
                        "tilerelease",
                        shape = in(reg) shape.0.as_ptr(),
                        rounds = inout(reg) ROUNDS / 8 => _,
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack),
                    );
                }
                (ROUNDS / 8 * 6 * 16 * 16 * $operations) as f64
            }};
        }

        /// # Safety
        /// [`ready`] answered yes for bf16.
        pub(super) unsafe fn bf16() -> f64 {
            bout!("tdpbf16ps", 64)
        }

        /// # Safety
        /// [`ready`] answered yes for int8.
        pub(super) unsafe fn int8() -> f64 {
            bout!("tdpbusd", 128)
        }
    }
}
