//! What a user may set about a [`ChatModel`](super::ChatModel).

crate::options! {
    /// How a [`ChatModel`](super::ChatModel) asks its servers, how long it waits, and what its tokens cost.
    ChatOptions {
        /// How often every endpoint is asked for one answer at most.
        attempts: usize = 3, in 1..=100;
        /// Seconds for which a connection may take, name look-up included.
        connect_timeout_s: f64 = 2.0, in 0.01..=3600.0;
        /// Seconds from the connection to the first byte of the answer.
        first_byte_timeout_s: f64 = 60.0, in 0.01..=86_400.0;
        /// Seconds between two parts of an answer.
        gap_timeout_s: f64 = 30.0, in 0.01..=86_400.0;
        /// Seconds for the whole call with all its attempts; a request's deadline may be earlier.
        timeout_s: f64 = 300.0, in 0.01..=86_400.0;
        /// Most seconds of the first pause after all endpoints failed; it doubles each time.
        backoff_s: f64 = 0.25, in 0.0..=3600.0;
        /// Most seconds of any such pause.
        backoff_max_s: f64 = 8.0, in 0.0..=3600.0;
        /// Most seconds for which a server's wish to be left alone (`Retry-After`) is heard.
        retry_after_max_s: f64 = 60.0, in 0.0..=3600.0;
        /// Seconds for which an endpoint that failed is put aside while there are others; it doubles each time.
        pause_s: f64 = 0.5, in 0.0..=3600.0;
        /// Most seconds for which it is put aside.
        pause_max_s: f64 = 30.0, in 0.0..=3600.0;
        /// Seconds between checks of all endpoints (`GET models`) by a thread; none: no thread, and an endpoint
        /// that was put aside is tried again by the next request.
        health_interval_s: Option<f64> = None, in 0.01..=86_400.0;
        /// Most requests a minute; none: no limit.
        requests_per_minute: Option<f64> = None, in 0.001..=1e9;
        /// Most tokens a minute, of prompts and answers; none: no limit.
        tokens_per_minute: Option<f64> = None, in 0.001..=1e12;
        /// Seconds' worth of these limits that may be used at once after a rest.
        burst_s: f64 = 10.0, in 0.0..=60.0;
        /// Tokens that prompt and answer may have together; none: not known.
        window: Option<usize> = None, in 1..=1 << 30;
        /// Price of a million tokens of prompt.
        price_in: f64 = 0.0, in 0.0..=1e9;
        /// Price of a million tokens of answer.
        price_out: f64 = 0.0, in 0.0..=1e9;
        /// Whether the answer is asked for piece by piece.
        stream: bool = true;
        /// Whether a stream is asked to say its tokens at the end; some old servers refuse to be asked.
        include_usage: bool = true;
        /// Randomness of the words where a request names none; none: the server's.
        temperature: Option<f64> = None, in 0.0..=2.0;
        /// Most tokens of an answer where a request names none; none: the server's.
        max_tokens: Option<usize> = None, in 1..=1 << 30;
        /// Most bytes of a line or an event of a stream.
        max_line_bytes: usize = 1 << 20, in 64..=1 << 30;
        /// Most bytes of an answer as it is sent.
        max_response_bytes: usize = 16 << 20, in 64..=1 << 30;
        /// File of the certificates (PEM) that servers must be signed by; none: those that browsers trust.
        ca_file: Option<String> = None;
    }
}
