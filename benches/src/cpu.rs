//! Processor time and peak, so that figures hold on a machine that does other things as well.
#![allow(unsafe_code)]

use std::time::Instant;

/// Seconds that this thread has spent on a processor, where the system tells (64-bit Linux);
/// else the seconds since `start`.
pub fn thread_seconds(start: Instant) -> f64 {
    const THREAD_CPUTIME: i32 = 3;
    clock(THREAD_CPUTIME).unwrap_or_else(|| start.elapsed().as_secs_f64())
}

/// The same for all threads of this process together.
pub fn process_seconds(start: Instant) -> f64 {
    const PROCESS_CPUTIME: i32 = 2;
    clock(PROCESS_CPUTIME).unwrap_or_else(|| start.elapsed().as_secs_f64())
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn clock(id: i32) -> Option<f64> {
    #[repr(C)]
    struct Timespec {
        seconds: i64,
        nanoseconds: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    }
    let mut time = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: `time` is laid out as the 64-bit C library's timespec, and writable.
    let answer = unsafe { clock_gettime(id, &mut time) };
    (answer == 0).then(|| time.seconds as f64 + time.nanoseconds as f64 / 1e9)
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
fn clock(_: i32) -> Option<f64> {
    None
}

/// Megabytes of this process in memory: now, and at most so far (Linux; elsewhere zeros).
pub fn memory() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = |name: &str| {
        (status.lines().find_map(|line| line.strip_prefix(name)))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
            .unwrap_or(0.0)
            / 1024.0
    };
    (megabytes("VmRSS:"), megabytes("VmHWM:"))
}

/// Runs `body` `times` times and answers the processor seconds of each run, ascending.
pub fn measure(times: usize, mut body: impl FnMut()) -> Vec<f64> {
    let start = Instant::now();
    let mut seconds: Vec<f64> = (0..times)
        .map(|_| {
            let before = thread_seconds(start);
            body();
            thread_seconds(start) - before
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}

/// The most f32 multiply-adds that one thread reached just now, in GFLOP/s.
pub fn peak_gflops() -> f64 {
    const ROUNDS: usize = 1 << 20;
    let lanes = lanes();
    let best = measure(5, || {
        let sum = match lanes {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `lanes` answers 16 and 8 only where the processor has the features.
            16 => unsafe { chains_512(ROUNDS) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            8 => unsafe { chains_256(ROUNDS) },
            _ => chains(ROUNDS),
        };
        std::hint::black_box(sum);
    });
    (ROUNDS * 12 * lanes * 2) as f64 / best[0] / 1e9
}

fn lanes() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return 16;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return 8;
        }
    }
    4
}

/// Twelve independent chains of products: enough to fill every pipeline.
fn chains(rounds: usize) -> f32 {
    let (a, b) = std::hint::black_box((0.999f32, 1e-3f32));
    let mut acc = [[1.0f32; 4]; 12];
    for _ in 0..rounds {
        for acc in &mut acc {
            for x in acc {
                *x = *x * a + b;
            }
        }
    }
    acc.iter().flatten().sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn chains_512(rounds: usize) -> f32 {
    use std::arch::x86_64::*;
    let (a, b) = std::hint::black_box((_mm512_set1_ps(0.999), _mm512_set1_ps(1e-3)));
    let mut acc = [a; 12];
    for _ in 0..rounds {
        for x in &mut acc {
            *x = _mm512_fmadd_ps(*x, a, b);
        }
    }
    acc.iter().map(|x| _mm512_reduce_add_ps(*x)).sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn chains_256(rounds: usize) -> f32 {
    use std::arch::x86_64::*;
    let (a, b) = std::hint::black_box((_mm256_set1_ps(0.999), _mm256_set1_ps(1e-3)));
    let mut acc = [a; 12];
    for _ in 0..rounds {
        for x in &mut acc {
            *x = _mm256_fmadd_ps(*x, a, b);
        }
    }
    acc.iter().map(|x| _mm256_cvtss_f32(*x)).sum()
}
