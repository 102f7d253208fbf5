//! The text format of Prometheus, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use core::fmt::{self, Display, Write};

/// The lines of one metric. For programs of this workspace with metrics of their own.
#[derive(Debug)]
pub struct Metric<'a> {
    name: &'a str,
    out: &'a mut String,
}

/// Which line of a metric.
pub(super) struct Sample<'a> {
    pub(super) suffix: &'a str,
    pub(super) labels: &'a [(&'a str, &'a str)],
}

impl<'a> Metric<'a> {
    /// Writes what it is: `counter`, `gauge` or `histogram`, and a sentence.
    ///
    /// # Errors
    /// None: a String takes everything.
    pub fn begin(out: &'a mut String, name: &'a str, kind: &str, help: &str) -> Result<Self, fmt::Error> {
        writeln!(out, "# HELP {name} {help}")?;
        writeln!(out, "# TYPE {name} {kind}")?;
        Ok(Self { name, out })
    }

    pub(super) fn line(&mut self, Sample { suffix, labels }: Sample<'_>, value: impl Display) -> fmt::Result {
        write!(self.out, "{}{suffix}", self.name)?;
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(self.out, "{before}{label}=\"")?;
            escape(self.out, value)?;
            self.out.write_char('"')?;
        }
        let end = if labels.is_empty() { "" } else { "}" };
        writeln!(self.out, "{end} {value}")
    }

    /// A line with labels, whose values may hold anything.
    ///
    /// # Errors
    /// None: a String takes everything.
    pub fn value(&mut self, labels: &[(&str, &str)], value: impl Display) -> fmt::Result {
        self.line(Sample { suffix: "", labels }, value)
    }
}

/// A label's value: a backslash, a quote and a line feed would end it.
fn escape(out: &mut String, value: &str) -> fmt::Result {
    for character in value.chars() {
        match character {
            '\\' => out.write_str("\\\\")?,
            '"' => out.write_str("\\\"")?,
            '\n' => out.write_str("\\n")?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_end_its_line() {
        let mut text = String::new();
        let mut metric = Metric::begin(&mut text, "t", "gauge", "T.").unwrap();
        metric.value(&[("a", "x\"} 1\nt{b=\\"), ("c", "d")], 2).unwrap();
        metric.value(&[], 3).unwrap();
        assert_eq!(text, "# HELP t T.\n# TYPE t gauge\nt{a=\"x\\\"} 1\\nt{b=\\\\\",c=\"d\"} 2\nt 3\n");
    }
}
