//! Calls of every function of the header with arguments good and bad, as a C file.
//!
//! `rag-ffi/tests-c/calls_driver.c` knows how to pick an argument of each type: a handle that is
//! alive, freed, NULL, of another type or made up; a text that is NULL, is not UTF-8, or fine; a
//! small count. Here each function gets one such call, so that a new one is tried the moment it
//! is in the header.

use super::header::Function;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The source of `calls.c`.
pub fn calls(functions: &[Function]) -> String {
    let nouns = nouns(functions);
    let mut text = String::from("#include \"calls.h\"\n\n");
    for noun in &nouns {
        let free = format!("free_{noun}");
        line(
            &mut text,
            &format!("static rag_status {free}(void *handle) {{ return {noun}_free(handle); }}"),
        );
        line(
            &mut text,
            &format!("pool {noun}_pool = {{.name = \"{noun}\", .release = {free}}};"),
        );
    }
    let pools: Vec<String> = nouns.iter().map(|n| format!("&{n}_pool")).collect();
    line(
        &mut text,
        &format!("pool *const pools[] = {{{}}};", pools.join(", ")),
    );
    line(
        &mut text,
        &format!("const size_t pool_count = {};\n", pools.len()),
    );
    for function in functions {
        text += &call(function, &nouns);
    }
    let names = functions.iter().map(|f| {
        let explains = f.parameters.iter().any(|(kind, _)| kind == "rag_error **");
        format!("  {{\"{0}\", call_{0}, {explains}}}", f.name)
    });
    let names: Vec<String> = names.collect();
    line(
        &mut text,
        &format!("const call calls[] = {{\n{}\n}};", names.join(",\n")),
    );
    line(
        &mut text,
        &format!("const size_t call_count = {};", functions.len()),
    );
    text
}

fn line(text: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{line}");
}

/// The opaque types: those that have a `_free`.
fn nouns(functions: &[Function]) -> BTreeSet<String> {
    let frees = functions
        .iter()
        .filter_map(|f| f.name.strip_suffix("_free"));
    frees.map(str::to_owned).collect()
}

fn call(function: &Function, nouns: &BTreeSet<String>) -> String {
    let name = &function.name;
    let mut text = format!("static rag_status call_{name}(rag_error **err) {{\n  (void)err;\n");
    let mut arguments = Vec::new();
    let mut after = String::new();
    for (i, (kind, parameter)) in function.parameters.iter().enumerate() {
        let plain = kind
            .trim_start_matches("const ")
            .trim_end_matches([' ', '*']);
        let stars = kind.matches('*').count();
        arguments.push(match (nouns.contains(plain), stars) {
            (_, 2) if plain == "rag_error" => "err".to_owned(),
            (true, 2) if parameter == "out" => {
                line(&mut text, &format!("  {plain} *out{i} = NULL;"));
                line(&mut after, &format!("  keep(&{plain}_pool, out{i});"));
                format!("pick_out(&out{i})")
            }
            (true, 2) if !kind.starts_with("const ") => {
                line(&mut text, &format!("  {plain} *out{i}[MOST] = {{0}};"));
                line(
                    &mut after,
                    &format!("  for (int i = 0; i < MOST; i++) keep(&{plain}_pool, out{i}[i]);"),
                );
                format!("pick_out(out{i})")
            }
            (true, 2) => format!("({kind})pick_handles(&{plain}_pool)"),
            (true, 1) if name.ends_with("_free") => format!("let_go(&{plain}_pool)"),
            (true, 1) => format!("pick(&{plain}_pool)"),
            _ => pick(kind, parameter),
        });
    }
    let call = format!("{name}({})", arguments.join(", "));
    match function.returns.as_str() {
        "rag_status" => line(&mut text, &format!("  rag_status status = {call};")),
        _ => {
            line(&mut text, &format!("  (void){call};"));
            line(&mut text, "  rag_status status = RAG_STATUS_OK;");
        }
    }
    format!("{text}{after}  return status;\n}}\n\n")
}

/// An argument that is no handle, by its type and, where that does not tell, its name.
fn pick(kind: &str, parameter: &str) -> String {
    match kind {
        "const char *" => match parameter {
            "path" => "pick_path()".into(),
            "filter" | "metadata" | "asked" | "scenario" | "packing" | "documents" | "question"
            | "questions" | "query" | "fact" => "pick_json()".into(),
            _ => "pick_text()".into(),
        },
        "const char *const *" => "pick_texts()".into(),
        "size_t" if parameter == "k" => "pick_k()".into(),
        "size_t" if parameter == "length" || parameter.ends_with("_length") => {
            "pick_length()".into()
        }
        "size_t" if parameter == "capacity" => "pick_capacity()".into(),
        "size_t" => "pick_count()".into(),
        "const size_t *" if parameter.ends_with("offsets") => "pick_offsets()".into(),
        "const size_t *" => "pick_lengths()".into(),
        "const uint64_t *const *" => "pick_rankings()".into(),
        "const rag_log_entry *" => "pick_log()".into(),
        "const rag_grid_dimension *" => "pick_dimensions()".into(),
        "const rag_bandit_query *" => "pick_queries()".into(),
        "const rag_knob *" => "pick_knobs()".into(),
        "bool" => "pick_count() % 2 == 0".into(),
        "uint64_t" => "pick_key()".into(),
        "double" | "float" => "pick_number()".into(),
        "rag_status" => "(rag_status)pick_count()".into(),
        "void *" => "NULL".into(),
        _ if kind.ends_with('*') => format!("({kind})pick_buffer_{}()", buffer(kind)),
        callback => format!("pick_{callback}()"),
    }
}

/// Which of the driver's buffers a pointer goes to: inputs hold numbers, outputs anything.
fn buffer(kind: &str) -> &'static str {
    match kind.strip_prefix("const ") {
        Some("float *") => "floats",
        Some("double *") => "doubles",
        Some("uint64_t *") => "keys",
        Some("bool *") => "flags",
        Some("rag_effect *") => "doubles",
        _ => "out",
    }
}
