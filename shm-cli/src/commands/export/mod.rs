//! `shm export`: what is in segments, for monitoring.

mod metrics;
mod serve;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::ExitCode;

use self::metrics::Metrics;
use crate::failure::{Failure, Outcome};
use crate::opened::{Like, with_part};
use crate::target::Target;
use crate::terminal::Terminal;

/// Give the numbers in segments to a monitoring system.
#[derive(clap::Args)]
pub(crate) struct Export {
    #[command(subcommand)]
    format: Format,
}

#[derive(clap::Subcommand)]
enum Format {
    Prometheus(Prometheus),
}

/// In the text format of Prometheus, on stdout or by HTTP.
///
/// Integers, floats, bools and enums are metrics, named after the struct and the field: `shm_station_wind_speed`. Their labels say
/// which segment it is, and which element of an array. Bytes (`[u8; N]`) are left out. Of a lock, there is whether it is held; of a
/// SeqLock its last whole value and its version; of an Event its count.
#[derive(clap::Args)]
struct Prometheus {
    #[arg(required = true)]
    names: Vec<Target>,
    /// Only these parts: `wind.speed`, `series[3]`, `wind`.
    #[arg(short, long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// Serve them at this address, http://127.0.0.1:9464/metrics say, until it is ended. Only this machine is served.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = loopback)]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    like: Like,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| format!("{text:?} is not an address and a port, as in 127.0.0.1:9464 and [::1]:9464"))?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(format!(
        "{} is not an address of this machine only, and there is no password here: listen at 127.0.0.1, and let a \
         proxy or a tunnel admit others",
        address.ip()
    ))
}

impl Export {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let Format::Prometheus(prometheus) = self.format;
        match prometheus.listen {
            Some(address) => serve::serve(address, terminal, move || {
                let (metrics, failures) = prometheus.collect();
                failures.into_iter().for_each(|failure| _ = failure.report(ExitCode::FAILURE));
                metrics.to_string()
            }),
            None => {
                let (metrics, failures) = prometheus.collect();
                terminal.write(metrics)?;
                let status = if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
                failures.into_iter().for_each(|failure| _ = failure.report(ExitCode::FAILURE));
                Ok(status)
            }
        }
    }
}

impl Prometheus {
    /// All metrics now, and why there are none of some segments.
    fn collect(&self) -> (Metrics, Vec<Failure>) {
        let (mut metrics, mut failures, mut seen) = (Metrics::default(), Vec::new(), HashSet::new());
        let mut texts = HashSet::new();
        for name in self.names.iter().filter(|name| texts.insert(name.text())) {
            let collected = self.collect_from(name, &mut seen, &mut metrics);
            metrics.up(name.text(), collected.is_ok());
            failures.extend(collected.err());
        }
        (metrics, failures)
    }

    fn collect_from(
        &self,
        name: &Target,
        seen: &mut HashSet<i32>,
        metrics: &mut Metrics,
    ) -> Result<(), Failure> {
        // By name, each time: a program may have made it anew.
        let object = name.segment()?;
        if !seen.insert(object.id()) {
            return Ok(());
        }
        let attached = self.like.read(&object)?;
        let whole = [String::new()];
        let paths = if self.paths.is_empty() { &whole[..] } else { &self.paths };
        for path in paths {
            with_part(&attached, path, |view, _| metrics.add(&attached, view, name.text(), path))?;
        }
        Ok(())
    }
}
