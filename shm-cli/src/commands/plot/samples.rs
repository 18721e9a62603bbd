//! What was recorded, read back.

use std::collections::BTreeMap;

use serde_json::Value;

/// Numbers over time.
#[derive(Debug, PartialEq)]
pub(super) struct Samples {
    /// Of each sample; seconds since the first. Of a file without times, its number.
    pub(super) times: Vec<f64>,
    pub(super) series: Vec<Series>,
}

/// Of one field, a value for each time; NaN where there is none.
#[derive(Debug, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// The column of times.
const TIME: &str = "time";

impl Samples {
    /// Those in a file, or why it cannot be read.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        // A recorder that was killed may have left half a line, whose last number is not what it was.
        let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
        let bytes = &bytes[..end];
        let samples = match bytes.trim_ascii_start().first() {
            None => return Err("it is empty".to_owned()),
            Some(b'{') => Self::parse_json(bytes)?,
            Some(_) => Self::parse_csv(bytes)?,
        };
        match samples.times.is_empty() {
            true => Err("there are no samples in it".to_owned()),
            false => Ok(samples.since_start()),
        }
    }

    fn parse_csv(bytes: &[u8]) -> Result<Self, String> {
        // Lines may be cut short.
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let names: Vec<String> = match reader.byte_headers() {
            Ok(names) => names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            Err(error) => return Err(error.to_string()),
        };
        let mut columns: Vec<Series> =
            names.into_iter().map(|name| Series { name, values: Vec::new() }).collect();
        for record in reader.byte_records() {
            let record = record.map_err(|error| error.to_string())?;
            for (i, column) in columns.iter_mut().enumerate() {
                column.values.push(number(record.get(i).unwrap_or_default()));
            }
        }
        let len = columns.first().map_or(0, |column| column.values.len());
        let times = match columns.iter().position(|column| column.name == TIME) {
            Some(at) => columns.remove(at).values,
            None => numbered(len),
        };
        Ok(Self { times, series: columns })
    }

    fn parse_json(bytes: &[u8]) -> Result<Self, String> {
        let (mut times, mut series) = (Vec::new(), BTreeMap::<String, Vec<f64>>::new());
        let lines = bytes.split(|&byte| byte == b'\n').enumerate();
        for (i, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
            let sample: BTreeMap<String, Value> =
                serde_json::from_slice(line).map_err(|error| format!("line {}: {error}", i + 1))?;
            let before = times.len();
            // Where it says none, it is numbered.
            times.push(sample.get(TIME).map_or_else(|| numbered(before + 1)[before], number_of_json));
            for (name, value) in sample.iter().filter(|(name, _)| *name != TIME) {
                let values = series.entry(name.clone()).or_default();
                values.resize(before, f64::NAN);
                values.push(number_of_json(value));
            }
        }
        let series = series.into_iter().map(|(name, mut values)| {
            values.resize(times.len(), f64::NAN);
            Series { name, values }
        });
        let series = series.collect();
        Ok(Self { times, series })
    }

    /// Seconds since the first sample. A sample without a time is left out.
    fn since_start(mut self) -> Self {
        let start = self.times.iter().copied().find(|time| time.is_finite()).unwrap_or(0.0);
        self.times.iter_mut().for_each(|time| *time -= start);
        let timed: Vec<bool> = self.times.iter().map(|time| time.is_finite()).collect();
        let keep = |values: &mut Vec<f64>| {
            let mut timed = timed.iter();
            values.retain(|_| timed.next().copied().unwrap_or(false));
        };
        keep(&mut self.times);
        self.series.iter_mut().for_each(|series| keep(&mut series.values));
        self
    }

    /// Leaves those with these names, in this order; all, if there are none. Says which is not there.
    pub(super) fn choose(&mut self, names: &[String]) -> Result<(), String> {
        if names.is_empty() {
            return Ok(());
        }
        let mut chosen = Vec::new();
        for name in names {
            let Some(at) = self.series.iter().position(|series| series.name == *name) else {
                let there: Vec<&str> =
                    self.series.iter().map(|series| series.name.as_str()).take(8).collect();
                let there = there.join(", ");
                return Err(format!("there is no field {name:?} in the file, which has {there}"));
            };
            chosen.push(self.series.remove(at));
        }
        self.series = chosen;
        Ok(())
    }

    /// Takes out those without a number, and returns their names.
    pub(super) fn without_numbers(&mut self) -> Vec<String> {
        let is_empty = |series: &mut Series| series.values.iter().all(|value| value.is_nan());
        self.series.extract_if(.., is_empty).map(|series| series.name).collect()
    }
}

/// Numbers of samples, in place of times.
fn numbered(len: usize) -> Vec<f64> {
    (0..u32::try_from(len).unwrap_or(u32::MAX)).map(f64::from).collect()
}

/// NaN, if it is not a number, or not a finite one.
fn number(cell: &[u8]) -> f64 {
    match cell.trim_ascii() {
        b"true" => 1.0,
        b"false" => 0.0,
        cell => {
            let number = std::str::from_utf8(cell).ok().and_then(|cell| cell.parse().ok());
            number.filter(|number: &f64| number.is_finite()).unwrap_or(f64::NAN)
        }
    }
}

fn number_of_json(value: &Value) -> f64 {
    match value {
        Value::Bool(is_so) => f64::from(u8::from(*is_so)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, values: &[f64]) -> Series {
        Series { name: name.to_owned(), values: values.to_vec() }
    }

    #[test]
    fn both_formats_are_read_and_half_a_line_is_not() {
        let csv = b"time,wind.speed,on,\"a,b\"\n100.5,3.25,true,1\n101,-1e3,false,2\n102.5,9";
        let expected = Samples {
            times: vec![0.0, 0.5],
            series: vec![
                series("wind.speed", &[3.25, -1000.0]),
                series("on", &[1.0, 0.0]),
                series("a,b", &[1.0, 2.0]),
            ],
        };
        assert_eq!(Samples::parse(csv), Ok(expected));
        let json = b"{\"time\":7,\"b\":true,\"a\":-2}\n{\"time\":9,\"b\":false,\"a\":4}\n{\"time\":1";
        let expected = Samples {
            times: vec![0.0, 2.0],
            series: vec![series("a", &[-2.0, 4.0]), series("b", &[1.0, 0.0])],
        };
        assert_eq!(Samples::parse(json), Ok(expected));
        let untimed = Samples::parse(b"x\n5\n6\n").unwrap();
        assert_eq!((&untimed.times[..], &untimed.series[0].values[..]), (&[0.0, 1.0][..], &[5.0, 6.0][..]));
    }

    #[test]
    fn any_bytes_are_samples_of_equal_length_or_refused() {
        // A generator whose numbers are the same each time.
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 33
        };
        let pieces = [
            "time",
            ",",
            "\n",
            "\"",
            "{",
            "}",
            ":",
            "1",
            "-",
            "e9",
            "NaN",
            "inf",
            "true",
            "\r",
            "\u{ff}",
            "{\"a\":1}\n",
            " ",
        ];
        for _ in 0..4_000 {
            let len = next() % 24;
            let mut bytes = Vec::new();
            for _ in 0..len {
                let at = usize::try_from(next()).unwrap() % (pieces.len() + 1);
                bytes.extend(pieces.get(at).map_or(&[0xff, 0x00][..], |piece| piece.as_bytes()));
            }
            if let Ok(mut samples) = Samples::parse(&bytes) {
                samples.without_numbers();
                assert!(samples.times.iter().all(|time| time.is_finite()));
                for series in &samples.series {
                    assert_eq!(series.values.len(), samples.times.len(), "{bytes:?}");
                    assert!(series.values.iter().all(|value| !value.is_infinite()));
                }
                // What is read is drawn.
                assert!(super::super::svg::draw(&samples).ends_with("</svg>\n"));
            }
        }
    }
}
