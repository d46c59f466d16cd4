//! `conformance/*.json` as a C file: one tree of constants that the C runner walks.

use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// The C source of all conformance files, in alphabetical order.
pub fn tables(root: &Path) -> Result<String, String> {
    let folder = root.join("conformance");
    let entries = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "json"));
    paths.sort();
    let mut writer = Writer::default();
    let mut files = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
        let value: Value =
            serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        // Other files there, such as the surface, are no cases.
        if value.get("operation").is_some() {
            files.push(writer.value(&value));
        }
    }
    let count = files.len();
    let files = files.join(",\n");
    Ok(format!(
        "#include \"json.h\"\n{}\nstatic const json files[] = {{\n{files}\n}};\n\
         const json conformance = {{.kind = JSON_LIST, .count = {count}, .items = files}};\n",
        writer.text
    ))
}

#[derive(Default)]
struct Writer {
    text: String,
    made: usize,
}

impl Writer {
    fn name(&mut self) -> String {
        self.made += 1;
        format!("t{}", self.made)
    }

    /// The initialiser of a value; what it points to is written before it.
    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Null => "{.kind = JSON_NULL}".into(),
            Value::Bool(b) => format!("{{.kind = JSON_BOOL, .whole = {}}}", u8::from(*b)),
            Value::Number(n) => {
                let whole = n
                    .as_u64()
                    .map_or_else(String::new, |w| format!(", .whole = {w}u, .integer = true"));
                let real = n.as_f64().unwrap_or(f64::NAN);
                format!("{{.kind = JSON_NUMBER, .real = {real:e}{whole}}}")
            }
            Value::String(s) => {
                let text = self.bytes(s);
                format!(
                    "{{.kind = JSON_TEXT, .text = {text}, .count = {}}}",
                    s.len()
                )
            }
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|v| self.value(v)).collect();
                self.branch("JSON_LIST", "json", items)
            }
            Value::Object(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(key, v)| {
                        let key = self.bytes(key);
                        format!("{{.key = {key}, .value = {}}}", self.value(v))
                    })
                    .collect();
                self.branch("JSON_OBJECT", "json_field", fields)
            }
        }
    }

    fn branch(&mut self, kind: &str, of: &str, items: Vec<String>) -> String {
        if items.is_empty() {
            return format!("{{.kind = {kind}}}");
        }
        let (name, count) = (self.name(), items.len());
        let member = if of == "json" { "items" } else { "fields" };
        let items = items.join(", ");
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "static const {of} {name}[] = {{{items}}};");
        format!("{{.kind = {kind}, .count = {count}, .{member} = {name}}}")
    }

    /// Bytes as an array: literals end at 4,095 characters and stumble over NUL and digits.
    fn bytes(&mut self, text: &str) -> String {
        let plain = |b: u8| b == b' ' || b.is_ascii_alphanumeric() || b"_-.,:;()".contains(&b);
        if text.len() < 500 && text.bytes().all(plain) {
            return format!("\"{text}\"");
        }
        let name = self.name();
        let bytes: Vec<String> = text.bytes().chain([0]).map(|b| b.to_string()).collect();
        let bytes = bytes.join(",");
        let _ = writeln!(
            self.text,
            "static const unsigned char {name}[] = {{{bytes}}};"
        );
        format!("(const char *){name}")
    }
}
