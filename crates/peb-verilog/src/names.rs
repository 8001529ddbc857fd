//! Verilog identifiers: keywords, cleaning, uniqueness; and the indices inside rust-hdl's names.

use crate::error::Problem;
use std::collections::HashSet;

/// Keywords of Verilog-2005 and SystemVerilog-2017, and words that tools take for themselves.
const KEYWORDS: &str = "accept_on alias always always_comb always_ff always_latch and assert assign assume automatic \
before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking \
cmos config const constraint context continue cover covergroup coverpoint cross deassign default defparam design \
disable dist do edge else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup \
endinterface endmodule endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask enum \
event eventually expect export extends extern final first_match for force foreach forever fork forkjoin function \
generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include \
initial inout input inside instance int integer interconnect interface intersect join join_any join_none large let \
liblist library local localparam logic longint macromodule matches medium modport module nand negedge nettype new \
nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive \
priority program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand \
randc randcase randsequence rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran \
rtranif0 rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal \
showcancelled signed small soft solve specify specparam static string strong strong0 strong1 struct super supply0 \
supply1 sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit tran tranif0 \
tranif1 tri tri0 tri1 triand trior trireg type typedef union unique unique0 unsigned until until_with untyped use \
uwire var vectored virtual void wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor";

/// Whether Verilog or SystemVerilog keeps this word for itself.
pub fn is_keyword(word: &str) -> bool {
    KEYWORDS.split_ascii_whitespace().any(|k| k == word)
}

/// A rust-hdl name (`rx$data`, `u$3`, `r#type`) as a clean Verilog identifier.
pub fn clean(name: &str) -> String {
    let mut out: String =
        name.replace("r#", "").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert(0, '_');
    }
    if is_keyword(&out) {
        out.push('_');
    }
    out
}

/// Hands out identifiers, each once.
#[derive(Default)]
pub struct Names(HashSet<String>);

impl Names {
    /// `wanted` if it is free, else the first free of `wanted_2`, `wanted_3`, ...
    pub fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_string();
        let mut n = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{wanted}_{n}");
            n += 1;
        }
        name
    }
}

/// Loop variables in scope, innermost last.
pub type Loops = Vec<(String, i128)>;

/// A name as `hdl_gen` writes it, with the brackets evaluated: `a[i+1]$q$next` is `a$4$q` for i = 3.
pub fn resolve(name: &str, loops: &Loops) -> Result<String, Problem> {
    let name = name.trim_start_matches('.').replace("::", "$").replace('.', "$");
    let name = name.strip_suffix("$next").unwrap_or(&name);
    let mut out = String::new();
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        out.push_str(&rest[..open]);
        let close = matching(&rest[open..]).ok_or_else(|| bad(name, "unbalanced brackets"))? + open;
        out.push_str(&format!("${}", index(&rest[open + 1..close], loops)?));
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn bad(text: &str, why: &str) -> Problem {
    Problem::BadIndex(text.to_string(), why.to_string())
}

/// Where the bracket that opens `text` closes.
fn matching(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The value of an index: numbers, loop variables, `+ - * / %` and parentheses.
pub fn index(text: &str, loops: &Loops) -> Result<i128, Problem> {
    let mut parser = IndexParser { text, rest: text, loops };
    let value = parser.sum()?;
    if !parser.rest.is_empty() {
        return Err(bad(text, "only numbers, loop variables and + - * / % ( ) can stand here"));
    }
    if value < 0 {
        return Err(bad(text, "it is negative"));
    }
    Ok(value)
}

struct IndexParser<'a> {
    text: &'a str,
    rest: &'a str,
    loops: &'a Loops,
}

impl IndexParser<'_> {
    fn eat(&mut self, options: &[char]) -> Option<char> {
        let c = self.rest.chars().next().filter(|c| options.contains(c))?;
        self.rest = &self.rest[1..];
        Some(c)
    }

    fn sum(&mut self) -> Result<i128, Problem> {
        let mut value = self.product()?;
        while let Some(op) = self.eat(&['+', '-']) {
            let right = self.product()?;
            value = if op == '+' { value + right } else { value - right };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<i128, Problem> {
        let mut value = self.factor()?;
        while let Some(op) = self.eat(&['*', '/', '%']) {
            let right = self.factor()?;
            value = match op {
                '*' => Some(value * right),
                '/' => value.checked_div(right),
                _ => value.checked_rem(right),
            }
            .ok_or_else(|| bad(self.text, "division by zero"))?;
        }
        Ok(value)
    }

    fn factor(&mut self) -> Result<i128, Problem> {
        if self.eat(&['(']).is_some() {
            let value = self.sum()?;
            return self.eat(&[')']).map(|_| value).ok_or_else(|| bad(self.text, "missing )"));
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Some(value) = number(word) {
            return Ok(value);
        }
        let known = self.loops.iter().rev().find(|(name, _)| name == word);
        known.map(|(_, value)| *value).ok_or_else(|| bad(self.text, &format!("`{word}` is no loop variable")))
    }
}

/// The value of a Rust integer literal, `0x1F_u8` included.
pub fn number(text: &str) -> Option<i128> {
    let text = text.replace('_', "");
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let suffixes = ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
    let digits = suffixes.iter().find_map(|s| text.strip_suffix(s)).unwrap_or(&text);
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
        if let Some(digits) = digits.strip_prefix(prefix) {
            return i128::from_str_radix(digits, radix).ok();
        }
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_follow_the_loops() {
        let loops = vec![("i".to_string(), 3), ("j".to_string(), 2)];
        assert_eq!(resolve("a[i+1]$q$next", &loops).unwrap(), "a$4$q");
        assert_eq!(resolve("z[2*i+j][(i+3)%4]", &loops).unwrap(), "z$8$2");
        assert!(matches!(resolve("a[K-1]", &loops), Err(Problem::BadIndex(_, why)) if why.contains('K')));
        assert!(resolve("a[i-4]", &loops).is_err());
    }

    #[test]
    fn numbers_are_read_as_rust_reads_them() {
        assert_eq!(number("0xEDB8_8320_u64"), Some(0xEDB8_8320));
        assert_eq!(number("0b101u8"), Some(5));
        assert_eq!(number("1_000"), Some(1000));
        assert_eq!(number("K"), None);
    }

    #[test]
    fn names_are_clean_and_unique() {
        assert_eq!(clean("rx$data"), "rx_data");
        assert_eq!(clean("buf"), "buf_");
        let mut names = Names::default();
        assert_eq!((names.unique("a"), names.unique("a")), ("a".to_string(), "a_2".to_string()));
    }
}
