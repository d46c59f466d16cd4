//! What goes into a bandit and what comes out: options, choices, estimates, the log.

/// Points at which a continuous range is evaluated, both ends included.
pub const GRID: usize = 101;
/// The most arms that a list, or a grid in all, may have.
pub const MAX_ARMS: usize = 1000;
/// The most names without an order: what is believed about `n` of them takes `n * n` numbers.
pub const MAX_NAMES: usize = 64;
/// The most dimensions of a grid.
pub const MAX_DIMENSIONS: usize = 3;
/// The most domains that one bandit holds.
pub const MAX_DOMAINS: usize = 10_000;
/// A choice waits for its reward until so many more were made; then it is forgotten.
pub const MAX_OUTSTANDING: usize = 100_000;
/// The most numbers that a context may have.
pub const MAX_CONTEXT: usize = 32;
/// Rewards are meant to be about 0 to 1; this is the largest size accepted.
pub const MAX_REWARD: f64 = 1e6;

crate::option_enum! {
    /// How an arm is chosen.
    Policy {
        /// The best arm of a draw from the posterior.
        Thompson = "thompson",
        /// The largest posterior mean plus so many standard deviations.
        Ucb = "ucb",
        /// The best mean, but any arm with a small probability.
        EpsilonGreedy = "epsilon_greedy",
        /// Always the arm nearest to the prior guess (or to the middle): the baseline.
        Fixed = "fixed",
    }
}

crate::options! {
    /// How a [`Bandit`](super::Bandit) chooses and remembers.
    BanditOptions {
        /// `"thompson"`, `"ucb"`, `"epsilon_greedy"` or `"fixed"`.
        policy: Policy = Policy::Thompson;
        /// What a reward still weighs after the next one in its domain; below 1 it fades whatever
        /// the bank of forgetting rates finds.
        discount: f64 = 1.0, in 1e-3..=1.0;
        /// Whether three rates of forgetting weigh themselves by how well they foretell rewards,
        /// so that drift and jumps are followed; without it, only `discount` forgets.
        adapt: bool = true;
        /// Seed of all draws; from the operating system if none.
        seed: Option<u64> = None;
        /// Scale of the posterior's spread for `thompson` (falling from 1.6 to 0.3 with the
        /// rewards of a domain if none), standard deviations for `ucb` (1 if none), share of
        /// random choices for `epsilon_greedy` (0.1 if none, at most 1).
        exploration: Option<f64> = None, in 0.0..=10.0;
        /// An arm is never chosen if its expected reward is below that of the prior's arm by more
        /// than this. Any arm may be chosen if none.
        safety: Option<f64> = None, in 0.0..=1e6;
        /// Standard deviation of a reward at a given arm; estimated from the rewards if none.
        noise: Option<f64> = None, in 1e-6..=1e6;
        /// Posterior draws behind a Thompson propensity, whose standard error is at most
        /// `0.5 / sqrt(draws)`; made only when a propensity is asked for.
        propensity_draws: usize = 256, in 16..=65536;
        /// Rewarded choices to keep in the log; past this the oldest are forgotten.
        log_size: usize = 10_000, in 0..=1_000_000;
    }
}

/// One choice. Its `id` is what the reward refers to, and
/// [`Bandit::propensity`](super::Bandit::propensity).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Unique among bandits of different seeds.
    pub id: u64,
    /// The index of the arm; for a range, of the grid point.
    pub arm: usize,
    /// The arm's value; for names and grids, the arm's index as a number.
    pub value: f64,
}

/// What is believed about one arm in one domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The arm's value; for names and grids, the arm's index as a number.
    pub value: f64,
    /// The expected reward.
    pub mean: f64,
    /// The standard deviation of that expectation, the noise of a single reward excluded.
    pub sd: f64,
    /// Rewards seen for this very arm, each weighing what the discount left of it.
    pub count: f64,
}

/// A rewarded choice.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEntry {
    /// Where the choice was made.
    pub domain: String,
    /// What was known then, if anything was given.
    pub context: Option<Vec<f64>>,
    /// The value chosen; for names and grids, the arm's index as a number.
    pub arm: f64,
    /// What it earned.
    pub reward: f64,
    /// The probability with which it was chosen.
    pub propensity: f64,
}
