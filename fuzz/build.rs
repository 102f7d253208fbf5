//! Generates a call of every function of the C header, with arguments by their types: what the target `ffi` draws from.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// What an argument is to the one who calls.
struct Argument {
    /// Its type in Rust.
    rust: String,
    /// What makes it; `o` is a place for it.
    made: Made,
}

enum Made {
    /// An expression.
    By(String),
    /// A place that the call writes to: the kind of handle, or nothing for numbers.
    Out(String),
    Error,
}

fn main() {
    let header = Path::new("../ffi/include/uptls.h");
    println!("cargo:rerun-if-changed={}", header.display());
    let text = without_comments(&fs::read_to_string(header).expect("the header"));
    let (mut externs, mut calls, mut table) = (String::new(), String::new(), String::new());
    let mut count = 0;
    for statement in text.split(';') {
        let statement: String = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let Some((head, arguments)) = statement.strip_suffix(')').and_then(|text| text.split_once('(')) else {
            continue;
        };
        let Some(start) = head.rfind("uptls_") else { continue };
        let (returns, name) = (head[..start].trim(), &head[start..]);
        if returns.contains("typedef") {
            continue;
        }
        // Of the first function also what stands before it in the header.
        let returns = returns.rsplit(['{', '}', '"']).next().unwrap_or(returns).trim();
        write_call(name, returns, arguments, &mut externs, &mut calls);
        writeln!(table, "    (\"{name}\", call_{name}),").unwrap();
        count += 1;
    }
    assert!(count > 100, "{count} functions are found in the header");
    let out = format!(
        "unsafe extern \"C\" {{\n{externs}}}\n\n{calls}\n/// Every function of the header.\npub static CALLS: &[(&str, fn(&mut Session<'_, '_>))] = &[\n{table}];\n"
    );
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&folder).join("calls.rs"), out).expect("written");
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn write_call(name: &str, returns: &str, arguments: &str, externs: &mut String, calls: &mut String) {
    let list: Vec<(String, String)> = arguments.split(',').filter_map(split).collect();
    let ends = name.ends_with("_free") || name.ends_with("_unref");
    let mut made = Vec::new();
    for (index, (kind, own)) in list.iter().enumerate() {
        let next_is_length = list.get(index + 1).is_some_and(|(kind, _)| kind == "size_t");
        let after_bytes = index > 0 && list[index - 1].0.ends_with('*') && is_bytes(&list[index - 1].0);
        made.push(argument(name, kind, own, ends, next_is_length, after_bytes));
    }
    let types: Vec<String> = made.iter().enumerate().map(|(index, one)| format!("a{index}: {}", one.rust)).collect();
    let returned = rust_return(returns);
    writeln!(
        externs,
        "    fn {name}({}){};",
        types.join(", "),
        returned.map_or_else(String::new, |kind| format!(" -> {kind}"))
    )
    .unwrap();
    let (mut before, mut after) = (String::new(), String::new());
    let mut outs = Vec::new();
    for (index, one) in made.iter().enumerate() {
        match &one.made {
            Made::By(expression) => writeln!(before, "    let a{index} = {expression};").unwrap(),
            Made::Out(kind) if kind.is_empty() => {
                let inner = one.rust.strip_prefix("*mut ").unwrap_or(&one.rust).to_owned();
                let initial = if inner.starts_with('*') { "core::ptr::null_mut()".to_owned() } else { "0".to_owned() };
                writeln!(
                    before,
                    "    let mut o{index}: {inner} = {initial};\n    let a{index} = s.place(&raw mut o{index});"
                )
                .unwrap();
                writeln!(after, "    let _ = o{index};").unwrap();
            }
            Made::Out(kind) => {
                writeln!(before, "    let mut o{index}: *mut c_void = core::ptr::without_provenance_mut(1);\n    let a{index} = s.place(&raw mut o{index});").unwrap();
                outs.push(format!("(\"{kind}\", o{index}, a{index}.is_null())"));
            }
            Made::Error => {
                writeln!(before, "    let mut e: *mut c_void = core::ptr::without_provenance_mut(1);\n    let a{index} = s.place(&raw mut e);").unwrap();
                outs.push(format!("(\"error\", e, a{index}.is_null())"));
            }
        }
    }
    let names: Vec<String> = (0..made.len()).map(|index| format!("a{index}")).collect();
    let call = format!("unsafe {{ {name}({}) }}", names.join(", "));
    let outs = format!("&[{}]", outs.join(", "));
    let result = match returns {
        "void" => format!("    {call};\n    s.outs({outs});\n"),
        "uptls_status" => format!("    let r = {call};\n    s.status(\"{name}\", r, {outs});\n"),
        "const char *" => format!("    let r = {call};\n    s.read(\"{name}\", r);\n    s.outs({outs});\n"),
        handle if handle.starts_with("uptls_") && handle.ends_with('*') => {
            let kind = handle.trim_start_matches("uptls_").trim_end_matches([' ', '*']);
            format!("    let r = {call};\n    s.gain(\"{kind}\", r);\n")
        }
        _ => format!("    let r = {call};\n    let _ = r;\n    s.outs({outs});\n"),
    };
    writeln!(calls, "fn call_{name}(s: &mut Session<'_, '_>) {{\n{before}    // SAFETY: each argument is what the header wants of its type, or NULL.\n{result}{after}}}\n").unwrap();
}

/// Type and name of a parameter.
fn split(text: &str) -> Option<(String, String)> {
    let text = text.trim();
    let start = text.rfind(|c: char| !(c.is_alphanumeric() || c == '_'))? + 1;
    Some((text[..start].trim().to_owned(), text[start..].to_owned()))
}

fn is_bytes(kind: &str) -> bool {
    ["const uint8_t *", "const void *", "void *", "const char *const *"].contains(&kind)
}

fn argument(function: &str, kind: &str, name: &str, ends: bool, next_is_length: bool, after_bytes: bool) -> Argument {
    let by = |rust: &str, expression: String| Argument { rust: rust.to_owned(), made: Made::By(expression) };
    match kind {
        // The reason of something else than this call.
        "uptls_error **" if name != "err" => {
            Argument { rust: "*mut *mut c_void".to_owned(), made: Made::Out("reason".to_owned()) }
        }
        "uptls_error **" => Argument { rust: "*mut *mut c_void".to_owned(), made: Made::Error },
        "char **" => Argument { rust: "*mut *mut c_void".to_owned(), made: Made::Out("string".to_owned()) },
        "const uint8_t **" => Argument { rust: "*mut *mut u8".to_owned(), made: Made::Out(String::new()) },
        "uint16_t *" => Argument { rust: "*mut u16".to_owned(), made: Made::Out(String::new()) },
        "size_t *" => Argument { rust: "*mut usize".to_owned(), made: Made::Out(String::new()) },
        "uint64_t *" => Argument { rust: "*mut u64".to_owned(), made: Made::Out(String::new()) },
        "char *" => by("*mut c_void", "s.take(\"string\")".to_owned()),
        "const char *" => by("*const c_char", format!("s.text(\"{function}\", \"{name}\")")),
        "const char *const *" => by("*const *const c_char", "s.texts()".to_owned()),
        "const uptls_connect_options *" => by("*const c_void", "s.options()".to_owned()),
        "const uptls_bytes *" => by("*const c_void", "core::ptr::null()".to_owned()),
        "const uptls_manifest_options *" => by("*const c_void", "s.manifest_options()".to_owned()),
        "const uint8_t *" | "const void *" if next_is_length => by("*const u8", format!("s.bytes(\"{name}\")")),
        "void *" if next_is_length => by("*mut u8", "s.room()".to_owned()),
        "size_t" if after_bytes => by("usize", "s.length()".to_owned()),
        "size_t" => by("usize", "s.small() as usize".to_owned()),
        "uint32_t" => by("u32", "s.small() as u32".to_owned()),
        "uint16_t" => by("u16", format!("s.number(\"{name}\")")),
        "int64_t" => by("i64", "s.seconds()".to_owned()),
        "uptls_hook" | "uptls_sign" => by("*const c_void", "core::ptr::null()".to_owned()),
        "int" if name == "fd" => by("i32", "s.socket()".to_owned()),
        _ if kind.ends_with("**") => {
            let handle = kind.trim_start_matches("uptls_").trim_end_matches([' ', '*']).to_owned();
            Argument { rust: "*mut *mut c_void".to_owned(), made: Made::Out(handle) }
        }
        _ if kind.ends_with('*') => {
            let handle = kind.trim_start_matches("const ").trim_start_matches("uptls_").trim_end_matches([' ', '*']);
            let verb = if ends { "take" } else { "borrow" };
            by("*mut c_void", format!("s.{verb}(\"{handle}\")"))
        }
        // Every enumeration is an int32_t, and any number may come.
        _ => by("i32", "s.small()".to_owned()),
    }
}

fn rust_return(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "void" => return None,
        "const char *" => "*const c_char",
        "int64_t" => "i64",
        "uint64_t" => "u64",
        "uint32_t" => "u32",
        "uint16_t" => "u16",
        "size_t" => "usize",
        "short" => "i16",
        _ if kind.ends_with('*') => "*mut c_void",
        _ => "i32",
    })
}
