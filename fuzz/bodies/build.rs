//! Writes `calls.rs`: for each function of `include/ragcore.h` one call, with arguments that
//! `src/calls.rs` picks by their types and names. A function is called the moment it is declared.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

const HEADER: &str = "../../include/ragcore.h";

/// Entries of the table from two bytes of an input to a function.
const TABLE: u64 = 4096;

struct Function {
    returns: String,
    name: String,
    /// Type and name of each.
    parameters: Vec<(String, String)>,
}

fn main() {
    println!("cargo::rerun-if-changed={HEADER}");
    let header = std::fs::read_to_string(HEADER).expect("the header is committed");
    let functions = functions(&header);
    let frees = functions
        .iter()
        .filter_map(|f| f.name.strip_suffix("_free"));
    let nouns: BTreeSet<&str> = frees.collect();
    let mut text = String::new();
    let mut write = |line: String| writeln!(text, "{line}").expect("a string takes all");
    write("unsafe extern \"C\" {".into());
    for function in &functions {
        let parameters = function.parameters.iter().enumerate();
        let list: Vec<String> = parameters
            .map(|(i, (kind, _))| format!("a{i}: {}", rust(kind)))
            .collect();
        let returns = rust(&function.returns);
        write(format!(
            "    fn {}({}) -> {returns};",
            function.name,
            list.join(", ")
        ));
    }
    write("}\n".into());
    for function in &functions {
        write(call(function, &nouns));
    }
    let names: Vec<String> = nouns
        .iter()
        .map(|noun| format!("(\"{noun}\", {noun}_free)"))
        .collect();
    write(format!(
        "static NOUNS: &[(&str, Free)] = &[{}];",
        names.join(", ")
    ));
    let calls = functions.iter().map(|f| {
        let explains = f.parameters.iter().any(|(kind, _)| kind == "rag_error **");
        let tells = f.returns == "rag_status" && f.name != "rag_error_status";
        let name = &f.name;
        format!(
            "Call {{ name: \"{name}\", run: call_{name}, explains: {explains}, tells: {tells} }}"
        )
    });
    write(format!(
        "static CALLS: &[Call] = &[{}];",
        Vec::from_iter(calls).join(", ")
    ));
    // For each entry the function whose name weighs most there, so that a new function takes its
    // share of the entries and all others keep their calls: an input goes on to mean what it meant.
    let entries = (0..TABLE).map(|entry| {
        let weigh = |i: &usize| weight(entry, &functions[*i].name);
        let best = (0..functions.len()).max_by_key(weigh);
        best.expect("the header declares functions").to_string()
    });
    write(format!(
        "static TABLE: [u16; {TABLE}] = [{}];",
        Vec::from_iter(entries).join(", ")
    ));
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join("calls.rs"), text).expect("there is room for a file");
}

/// FNV-1a, and a last mix.
fn weight(entry: u64, name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ entry;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    hash = (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ hash >> 32
}

/// What the header declares, by the forms in which it is written.
fn functions(header: &str) -> Vec<Function> {
    let mut text = header.to_owned();
    while let (Some(from), Some(to)) = (text.find("/*"), text.find("*/")) {
        text.replace_range(from..to + 2, "");
    }
    let text = text
        .lines()
        .filter(|line| !line.starts_with(['#', '}', ' ', '\t']) || line.ends_with([',', ';']));
    let text = text.collect::<Vec<_>>().join(" ");
    let declared = text
        .split(';')
        .map(str::trim)
        .filter(|d| d.ends_with(')') && !d.contains("typedef"));
    declared.map(function).collect()
}

fn function(declaration: &str) -> Function {
    let inner = declaration.strip_suffix(')').expect("it ends so");
    let (head, list) = inner.split_once('(').expect("a function has parameters");
    // What stands before the first declaration belongs to no function.
    let start = head.rfind(['}', '{']).map_or(0, |at| at + 1);
    let (returns, name) = typed(&head[start..]);
    let list = list
        .split(',')
        .map(str::trim)
        .filter(|p| !p.is_empty() && *p != "void");
    Function {
        returns,
        name,
        parameters: list.map(typed).collect(),
    }
}

/// `const char *const *texts` as (`const char *const *`, `texts`).
fn typed(declared: &str) -> (String, String) {
    let at = declared.rfind([' ', '*']).expect("a type and a name") + 1;
    (declared[..at].trim().to_owned(), declared[at..].to_owned())
}

fn rust(kind: &str) -> &'static str {
    match kind {
        _ if kind.ends_with('*') => "Pointer",
        "rag_status" | "int32_t" => "i32",
        "uint32_t" => "u32",
        "uint64_t" => "u64",
        "size_t" => "usize",
        "double" => "f64",
        "float" => "f32",
        "bool" => "bool",
        "rag_progress" | "rag_policy" | "rag_token_counter" | "rag_objective" | "rag_generate"
        | "rag_hear" => "Pointer",
        other => panic!("the header has a type of its own: {other}"),
    }
}

fn call(function: &Function, nouns: &BTreeSet<&str>) -> String {
    let name = &function.name;
    let mut text = format!(
        "fn call_{name}(driver: &mut Driver<'_>, err: Pointer) -> i32 {{\n    let _ = (&driver, err);\n"
    );
    let mut after = String::new();
    let line =
        |to: &mut String, line: String| writeln!(to, "    {line}").expect("a string takes all");
    for (i, (kind, parameter)) in function.parameters.iter().enumerate() {
        let plain = kind
            .trim_start_matches("const ")
            .trim_end_matches([' ', '*']);
        let plain = plain.trim_end_matches(" *const");
        let stars = kind.matches('*').count();
        let noun = nouns.iter().position(|noun| *noun == plain);
        let value = match (noun, stars) {
            (Some(_), 2) if plain == "rag_error" => "err".to_owned(),
            (Some(noun), 2) if !kind.starts_with("const ") => {
                let places = if parameter == "out" { "1" } else { "MOST" };
                line(&mut after, format!("driver.keep({noun}, a{i}, status);"));
                format!("driver.places({places})")
            }
            (Some(noun), 2) => format!("driver.handles({noun})"),
            (Some(noun), 1) if name.ends_with("_free") => {
                line(&mut after, "driver.is_let_go(status);".to_owned());
                format!("driver.let_go({noun})")
            }
            (Some(noun), 1) => format!("driver.handle({noun})"),
            _ => argument(kind, parameter),
        };
        line(&mut text, format!("let a{i} = {value};"));
    }
    let arguments: Vec<String> = (0..function.parameters.len())
        .map(|i| format!("a{i}"))
        .collect();
    let safety =
        "// SAFETY: the arguments are as the header asks, or such that it promises an error.";
    line(&mut text, safety.to_owned());
    let call = format!("unsafe {{ {name}({}) }}", arguments.join(", "));
    let ends = match (function.returns.as_str(), after.is_empty()) {
        ("rag_status", true) => call,
        ("rag_status", false) => format!("let status = {call};\n{after}    status"),
        ("const char *", _) => format!("let lent = {call};\n    read_text(lent);\n    OK"),
        (_, _) => format!("let _ = {call};\n    OK"),
    };
    line(&mut text, ends);
    text + "}\n"
}

/// An argument that is no handle, by its type and, where that does not tell, its name.
fn argument(kind: &str, parameter: &str) -> String {
    let pick = match kind {
        "const char *" => match parameter {
            "path" => "path",
            "filter" | "metadata" | "asked" | "scenario" | "packing" | "documents" | "question"
            | "questions" | "query" | "fact" => "json",
            _ => "text",
        },
        "const char *const *" if parameter == "metadata" => "jsons",
        "const char *const *" => "texts",
        "size_t" => match parameter {
            "k" => "k",
            "length" => "length",
            "capacity" => "capacity",
            _ => "count",
        },
        "const size_t *" if parameter == "offsets" => "offsets",
        "const size_t *" => "lengths",
        "const uint64_t *const *" => "rankings",
        "const rag_log_entry *" => "log",
        "const float *" => "floats",
        "const double *" | "const rag_effect *" => "doubles",
        "const uint64_t *" => "keys",
        "const bool *" => "flags",
        "const uint8_t *" => "bytes",
        "bool" => "flag",
        "uint64_t" => "key",
        "double" => "number",
        "float" => return "driver.number() as f32".to_owned(),
        "rag_status" => return "driver.count() as i32".to_owned(),
        "void *" => return "std::ptr::null_mut()".to_owned(),
        "rag_progress" => "progress",
        "rag_token_counter" => "token_counter",
        "rag_policy" => "policy",
        "rag_objective" => "evaluator",
        "rag_generate" => "writer",
        "rag_hear" => "listener",
        "const rag_knob *" => "knobs",
        "const rag_grid_dimension *" => "dimensions",
        "const rag_bandit_query *" => "bandit_queries",
        _ if kind.ends_with('*') && !kind.starts_with("const ") => "output",
        _ if kind.ends_with("**") => "output",
        other => panic!("no argument is known for {other} {parameter}"),
    };
    format!("driver.{pick}()")
}
