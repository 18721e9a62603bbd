//! `shm plot`: what `shm record` wrote, as a picture.

mod braille;
mod samples;
mod scale;
mod svg;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use self::samples::Samples;
use crate::failure::{Failure, Outcome};
use crate::terminal::{Terminal, complain};

/// Draw what `shm record` wrote: in the terminal, or as SVG.
///
/// Each field has a panel of its own, below one axis of time. A field without numbers is left out, and named on stderr.
#[derive(clap::Args)]
pub(crate) struct Plot {
    /// What `shm record` wrote, as CSV or as lines of JSON; `-` is standard input.
    file: PathBuf,
    /// The fields to draw. All, if none is given.
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// As SVG, in colours that are right on a light and on a dark page.
    #[arg(long)]
    svg: bool,
    /// Where to. What is in the file is replaced.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Plot {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let name = self.file.display();
        let mut bytes = Vec::new();
        let read = match self.file.as_os_str() == "-" {
            true => io::stdin().lock().read_to_end(&mut bytes).map(drop),
            false => fs::read(&self.file).map(|read| bytes = read),
        };
        read.map_err(|error| Failure::new(format!("cannot read {name}: {error}")))?;
        let wrong = |why: String| Failure::new(format!("{name} is not what `shm record` writes: {why}"));
        let mut samples = Samples::parse(&bytes).map_err(wrong)?;
        samples.choose(&self.paths).map_err(Failure::new)?;
        for series in samples.without_numbers() {
            complain(format_args!("{series} has no numbers, and is left out"));
        }
        if samples.series.is_empty() {
            return Err(wrong("there are no numbers in it".to_owned()));
        }
        match &self.output {
            None => self.draw(&samples, terminal)?,
            Some(path) => {
                let file = File::create(path)
                    .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
                let mut file = Terminal::other(file);
                self.draw(&samples, &mut file)?;
                file.flush()?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn draw(&self, samples: &Samples, to: &mut Terminal) -> io::Result<()> {
        if self.svg { to.write(svg::draw(samples)) } else { braille::draw(samples, to) }
    }
}
