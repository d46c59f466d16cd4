//! What a belief expects of an arm in a context, which moves the curve: the curve is looked at where
//! it was moved to, with the second order of what is not known about the move (Jazwinski, 1970,
//! section 9.3).

use super::domain::Frame;
use super::gauss::{Posterior, dot};
use super::shape::{Powers, powers};
use super::types::MAX_DIMENSIONS;

/// Room for learning one reward.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    pub phi: Vec<f64>,
    pub slopes: Vec<f64>,
    pub along: Vec<f64>,
    pub moved: Vec<f64>,
    pub bent: Vec<f64>,
}

/// What a member expects: the reward, what the bend adds to it and to its variance.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outlook {
    pub mean: f64,
    pub bent: f64,
    pub doubt: f64,
}

/// What `belief` expects of an arm in a context, and into `room.phi` how that depends on each
/// coefficient.
#[inline]
pub(super) fn outlook(
    frame: &Frame,
    features: usize,
    belief: &Posterior,
    arm: usize,
    context: Option<&[f64]>,
    room: &mut Room,
) -> Outlook {
    let (menu, shape) = (&frame.menu, &frame.shape);
    let (size, n) = (shape.size, belief.mean.len());
    room.phi.resize(n, 0.0);
    let curve = &belief.mean[..size];
    let Some(x) = context.filter(|_| features > 0) else {
        room.phi[..size].copy_from_slice(shape.at(arm));
        room.phi[size..].fill(0.0);
        return Outlook {
            mean: dot(curve, &room.phi[..size]),
            ..Outlook::default()
        };
    };
    let mut shift = [0.0; MAX_DIMENSIONS];
    for (axis, s) in shift.iter_mut().enumerate().take(shape.axes) {
        *s = dot(x, &belief.mean[size + axis * features..][..features]);
    }
    let mut at = [Powers::default(); MAX_DIMENSIONS];
    let axes = match shape.axes {
        0 => 0,
        _ => powers(menu, arm, &shift, &mut at),
    };
    let at = &at[..axes];
    shape.values(arm, at, &mut room.phi[..size]);
    let mut found = Outlook {
        mean: dot(curve, &room.phi[..size]),
        bent: 0.0,
        doubt: 0.0,
    };
    room.phi[size..].fill(0.0);
    if axes == 0 {
        let own = &mut room.phi[size + arm * features..][..features];
        own.copy_from_slice(x);
        found.mean += dot(x, &belief.mean[size + arm * features..][..features]);
        return found;
    }
    let tides = size + axes * features;
    room.phi[tides..].copy_from_slice(x);
    found.mean += dot(x, &belief.mean[tides..]);
    for axis in 0..axes {
        room.slopes.resize(size, 0.0);
        shape.slopes(axis, at, &mut room.slopes);
        let slope = dot(curve, &room.slopes);
        let first = size + axis * features;
        room.moved.clear();
        room.moved.resize(n, 0.0);
        for (k, x) in x.iter().enumerate() {
            room.phi[first + k] = -slope * x;
            let row = &belief.root[(first + k) * n..(first + k + 1) * n];
            room.moved
                .iter_mut()
                .zip(row)
                .for_each(|(m, s)| *m += x * s);
        }
        room.bent.clear();
        room.bent.resize(n, 0.0);
        for (row, slope) in belief.root.chunks_exact(n).zip(&room.slopes) {
            room.bent
                .iter_mut()
                .zip(row)
                .for_each(|(b, s)| *b += slope * s);
        }
        let spread = dot(&room.moved, &room.moved);
        let bend = shape.bend(axis, at, curve);
        found.bent += 0.5 * bend * spread - dot(&room.bent, &room.moved);
        found.doubt += 0.5 * (bend * spread) * (bend * spread);
    }
    found
}
