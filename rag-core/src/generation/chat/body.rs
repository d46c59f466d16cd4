//! What is sent to `chat/completions`.

use super::options::ChatOptions;
use crate::generation::Request;
use crate::prompting::Message;
use serde::Serialize;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop: Vec<&'a str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// The request as JSON.
pub(super) fn body(model: &str, request: &Request<'_>, options: &ChatOptions) -> Vec<u8> {
    let usage = StreamOptions {
        include_usage: true,
    };
    let body = Body {
        model,
        messages: &request.prompt.messages,
        stream: options.stream,
        stream_options: (options.stream && options.include_usage).then_some(usage),
        max_tokens: most_tokens(request, options),
        temperature: request.temperature.or(options.temperature),
        seed: request.seed,
        stop: request
            .stop
            .iter()
            .map(String::as_str)
            .filter(|s| !s.is_empty())
            .collect(),
    };
    serde_json::to_vec(&body).expect("names here are texts")
}

/// Most tokens of the answer, if anybody says so.
pub(super) fn most_tokens(request: &Request<'_>, options: &ChatOptions) -> Option<usize> {
    request.max_tokens.or(options.max_tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompting::{Prompt, Role};
    use serde_json::{Value, json};

    #[test]
    fn what_nobody_set_is_not_sent() {
        let prompt = Prompt {
            messages: vec![Message {
                role: Role::System,
                content: "é\"\n".into(),
            }],
            ..Prompt::default()
        };
        let mut request = Request::new(&prompt);
        let options = ChatOptions::default();
        let read = |request: &Request<'_>, options: &ChatOptions| -> Value {
            serde_json::from_slice(&body("m", request, options)).unwrap()
        };
        let messages = json!([{"role": "system", "content": "é\"\n"}]);
        assert_eq!(
            read(&request, &options),
            json!({"model": "m", "messages": messages, "stream": true, "stream_options": {"include_usage": true}})
        );
        let stop = [String::new(), "END".to_owned()];
        (request.max_tokens, request.temperature, request.seed) = (Some(5), Some(0.5), Some(7));
        request.stop = &stop;
        let options = options
            .stream(false)
            .temperature(Some(1.0))
            .max_tokens(Some(9));
        assert_eq!(
            read(&request, &options),
            json!({"model": "m", "messages": messages, "stream": false, "max_tokens": 5, "temperature": 0.5,
                   "seed": 7, "stop": ["END"]})
        );
    }
}
