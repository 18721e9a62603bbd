//! What is seen: which leaves in which order, and how they are drawn. Only those in sight are made text.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;
use ratatui::widgets::{Paragraph, Widget as _, Wrap};

use super::history::History;
use super::keys::Key;
use super::line::{Columns, put, put_right, rate_text, sparkline, tail};
use crate::leaves::MOST;
use crate::readings::Readings;
use crate::terminal::Printable;

/// What takes less is too small to be read.
const SMALLEST: (u16, u16) = (40, 5);

/// A changed value stands out for this long.
const FRESH: Duration = Duration::from_millis(500);

/// In which order the leaves are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// As they are in memory.
    Memory,
    /// By path.
    Path,
    /// Those that changed last first.
    Changed,
    /// Those that change fastest first.
    Rate,
}

/// What is to be done after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    GoOn,
    Quit,
}

/// The state of the screen.
pub(crate) struct Screen {
    /// Which segment it is.
    pub(crate) title: String,
    /// What has become of it, if that is not as it should be.
    pub(crate) notice: Option<String>,
    pub(crate) is_paused: bool,
    rate: f64,
    colours: bool,
    filter: String,
    is_filtering: bool,
    sort: Sort,
    /// The leaves that are let through, in order.
    order: Vec<usize>,
    /// Which of them is the first in sight, and how many are.
    top: usize,
    page: usize,
    /// As wide as the longest path and the longest type.
    path_width: usize,
    type_width: usize,
}

impl Screen {
    pub(crate) fn new(rate: f64, colours: bool, filter: String, sort: Sort, readings: &Readings<'_>) -> Self {
        let width = |text: &str| Span::raw(text).width();
        let leaves = readings.leaves();
        let mut screen = Self {
            title: String::new(),
            notice: None,
            is_paused: false,
            rate,
            colours,
            filter,
            is_filtering: false,
            sort,
            order: Vec::new(),
            top: 0,
            page: 1,
            path_width: leaves.iter().map(|leaf| width(&leaf.path)).max().unwrap_or(0),
            type_width: leaves.iter().map(|leaf| width(&leaf.type_name())).max().unwrap_or(0),
        };
        screen.choose(readings);
        screen
    }

    /// Lets through what the filter says.
    fn choose(&mut self, readings: &Readings<'_>) {
        let filter = self.filter.to_lowercase();
        let leaves = readings.leaves().iter().enumerate();
        let through = leaves.filter(|(_, leaf)| leaf.path.to_lowercase().contains(&filter));
        self.order = through.map(|(i, _)| i).collect();
    }

    /// Puts them in order, for the values that there are now.
    pub(crate) fn sort(&mut self, readings: &Readings<'_>, history: &History) {
        let leaves = readings.leaves();
        match self.sort {
            Sort::Memory => self.order.sort_unstable(),
            Sort::Path => self.order.sort_by(|&a, &b| leaves[a].path.cmp(&leaves[b].path)),
            // Those that never changed last, and what is alike as it is in memory.
            Sort::Changed => {
                self.order.sort_unstable();
                self.order.sort_by_key(|&leaf| std::cmp::Reverse(history.changed_at(leaf)));
            }
            Sort::Rate => {
                self.order.sort_unstable();
                let rate = |&leaf: &usize| history.rate(leaf).abs();
                self.order.sort_by_cached_key(|leaf| std::cmp::Reverse(rate(leaf).to_bits()));
            }
        }
    }

    /// Does what a key says.
    pub(crate) fn press(&mut self, key: Key, readings: &Readings<'_>, history: &History) -> Next {
        if key == Key::Interrupt {
            return Next::Quit;
        }
        if self.is_filtering {
            match key {
                Key::Char(char) => self.filter.push(char),
                Key::Backspace => drop(self.filter.pop()),
                Key::Enter => self.is_filtering = false,
                Key::Escape => {
                    self.filter.clear();
                    self.is_filtering = false;
                }
                _ => {}
            }
            if matches!(key, Key::Char(_) | Key::Backspace | Key::Escape) {
                self.top = 0;
                self.choose(readings);
                self.sort(readings, history);
                return Next::GoOn;
            }
        }
        let page = self.page.max(1);
        match key {
            Key::Char('q') => return Next::Quit,
            Key::Char('/') => self.is_filtering = true,
            Key::Char(' ') => self.is_paused = !self.is_paused,
            Key::Char('s') => {
                self.sort = match self.sort {
                    Sort::Memory => Sort::Path,
                    Sort::Path => Sort::Changed,
                    Sort::Changed => Sort::Rate,
                    Sort::Rate => Sort::Memory,
                };
                self.sort(readings, history);
            }
            // A filter is left as it is entered.
            Key::Escape if !self.filter.is_empty() => {
                self.filter.clear();
                self.choose(readings);
                self.sort(readings, history);
            }
            Key::Up | Key::Char('k') => self.top = self.top.saturating_sub(1),
            Key::Down | Key::Char('j') => self.top += 1,
            Key::PageUp => self.top = self.top.saturating_sub(page),
            Key::PageDown => self.top += page,
            Key::Home | Key::Char('g') => self.top = 0,
            Key::End | Key::Char('G') => self.top = self.order.len(),
            _ => {}
        }
        Next::GoOn
    }

    /// Draws it.
    pub(crate) fn draw(
        &mut self,
        readings: &mut Readings<'_>,
        history: &History,
        now: Instant,
        buffer: &mut Buffer,
    ) {
        let area = buffer.area;
        let (width, height) = (area.width, area.height);
        if width < SMALLEST.0 || height < SMALLEST.1 {
            let text = format!("too small: {width}x{height}, it takes {}x{}", SMALLEST.0, SMALLEST.1);
            return Paragraph::new(text).wrap(Wrap { trim: true }).render(area, buffer);
        }
        let mut y = 0;
        let mut line = |buffer: &mut Buffer, text: &str, style: Style| {
            put(buffer, 0, y, width, text, style);
            y += 1;
        };
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let rate = match self.is_paused {
            true => "paused".to_owned(),
            false => format!("{} Hz", self.rate),
        };
        line(buffer, &self.title, bold);
        put_right(buffer, width, 0, &format!("  {rate}"), bold);
        if let Some(notice) = &self.notice {
            let style = self.coloured(Color::Red).add_modifier(Modifier::REVERSED);
            line(buffer, notice, style);
        }
        let columns = Columns::new(width, self.path_width, self.type_width);
        let dim = Style::new().add_modifier(Modifier::DIM);
        columns.row(buffer, y, ["path", "type", "value", "per second", "last"], [dim; 5]);
        y += 1;
        self.page = usize::from(height - y - 1);
        self.top = self.top.min(self.order.len().saturating_sub(self.page));
        for &leaf in self.order.iter().skip(self.top).take(self.page) {
            let path = &readings.leaves()[leaf].path;
            let path = tail(path, columns.path);
            let ty = readings.leaves()[leaf].type_name();
            let value = readings.text(leaf);
            let rate = rate_text(history.rate(leaf));
            let spark = match readings.number(leaf) {
                Some(_) => sparkline(&history.last(leaf, usize::from(columns.spark).saturating_sub(1))),
                None => String::new(),
            };
            let is_fresh =
                history.changed_at(leaf).is_some_and(|at| now.saturating_duration_since(at) < FRESH);
            let value_style = if is_fresh { self.coloured(Color::Yellow).patch(bold) } else { Style::new() };
            let plain = Style::new();
            let styles = [plain, dim, value_style, plain, self.coloured(Color::Cyan)];
            columns.row(buffer, y, [&path, &ty, &value, &rate, &spark], styles);
            y += 1;
        }
        self.draw_foot(readings, height - 1, buffer);
    }

    /// Where one is, and what can be done.
    fn draw_foot(&self, readings: &Readings<'_>, y: u16, buffer: &mut Buffer) {
        let width = buffer.area.width;
        if self.is_filtering {
            let prompt = format!("filter: {}_   Enter keeps it, Esc drops it", Printable(&self.filter));
            return put(buffer, 0, y, width, &prompt, Style::new().add_modifier(Modifier::BOLD));
        }
        let (first, all) = (self.top + usize::from(!self.order.is_empty()), self.order.len());
        let last = (self.top + self.page).min(all);
        let mut place = format!("{first}-{last} of {all}");
        if readings.is_cut() {
            place += &format!(" (of more than {MOST}: name a PATH)");
        } else if all < readings.leaves().len() {
            place += &format!(" ({} in all)", readings.leaves().len());
        }
        let sort = match self.sort {
            Sort::Memory => "memory",
            Sort::Path => "path",
            Sort::Changed => "changed",
            Sort::Rate => "rate",
        };
        let keys = format!("  q quit  / filter  s sort: {sort}  space pause  arrows scroll");
        let dim = Style::new().add_modifier(Modifier::DIM);
        put(buffer, 0, y, width, &format!("{place}{keys}"), dim);
    }

    fn coloured(&self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use shm_runtime::SharedSegment;
    use shm_runtime::inspect::{Attached, Segment};
    use shm_tests::key::Own;

    use super::*;
    use crate::leaves::Leaves;

    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    struct Station {
        readings: u64,
        celsius: f64,
        a_field_whose_name_is_as_long_as_those_of_generated_code_are: [u16; 2],
        name: [u8; 48],
    }

    /// A screen, and what it is drawn from.
    struct Drawn<'a> {
        readings: Readings<'a>,
        history: History,
        screen: Screen,
        now: Instant,
    }

    impl<'a> Drawn<'a> {
        fn new(attached: &'a Attached) -> Self {
            let readings = Readings::new(Leaves::of(attached, &[]).unwrap());
            let history = History::new(readings.leaves().len());
            let screen = Screen::new(10.0, false, String::new(), Sort::Memory, &readings);
            let mut drawn = Self { readings, history, screen, now: Instant::now() };
            drawn.screen.title = "Station".to_owned();
            drawn
        }

        /// A reading, some time after the last one.
        fn read(&mut self, after: Duration) {
            self.now += after;
            self.readings.read();
            self.history.push(&self.readings, self.now);
            self.screen.sort(&self.readings, &self.history);
        }

        fn lines(&mut self, width: u16, height: u16) -> Vec<String> {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            let draw = |frame: &mut ratatui::Frame<'_>| {
                self.screen.draw(&mut self.readings, &self.history, self.now, frame.buffer_mut());
            };
            terminal.draw(draw).unwrap();
            let rows = terminal.backend().buffer().content.chunks(width.into());
            rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned())
                .collect()
        }

        fn press(&mut self, key: Key) -> Next {
            self.screen.press(key, &self.readings, &self.history)
        }
    }

    fn station() -> (Own<Station>, Attached) {
        let station = Own::<Station>::create();
        let attached = Segment::from_id(station.id()).unwrap().attach_read_only().unwrap();
        (station, attached)
    }

    #[test]
    fn a_screen_of_eighty_columns_has_value_rate_and_bars() {
        let (station, attached) = station();
        let station = station.attach().unwrap();
        station.name.set_str("Zugspitze, Wetterstein").unwrap();
        let mut drawn = Drawn::new(&attached);
        for reading in 0_u32..8 {
            station.readings.set(reading.into());
            station.celsius.set(21.5 - f64::from(reading) * 0.25);
            drawn.read(Duration::from_millis(250));
        }
        let expected = [
            "Station                                                                    10 Hz",
            "path                        type     value              per second last",
            "readings                    u64      7                       +4.00 ▁▂▃▄▅▆▇█",
            "celsius                     f64      19.75                   -1.00 █▇▆▅▄▃▂▁",
            "…e_of_generated_code_are[0] u16      0",
            "…e_of_generated_code_are[1] u16      0",
            "name                        [u8; 48] \"Zugspitze, Wetterstein\"",
            "1-5 of 5  q quit  / filter  s sort: memory  space pause  arrows scroll",
        ];
        let lines = drawn.lines(80, 8);
        for (line, expected) in lines.iter().zip(expected) {
            assert_eq!(line, expected, "\n{}", lines.join("\n"));
        }
        // Of more readings than there is room for, the last.
        for _ in 0..30 {
            drawn.read(Duration::from_millis(250));
        }
        station.readings.set(8);
        drawn.read(Duration::from_millis(250));
        assert!(drawn.lines(80, 8)[2].ends_with(" ▁▁▁▁▁▁▁▁▁▁▁█"), "{:?}", drawn.lines(80, 8));
    }

    #[test]
    fn any_size_is_drawn_after_any_keys() {
        let (_station, attached) = station();
        let mut drawn = Drawn::new(&attached);
        let keys = [
            Key::Char('s'),
            Key::End,
            Key::Char('/'),
            Key::Char('日'),
            Key::Escape,
            Key::PageDown,
            Key::Char('/'),
            Key::Char('C'),
            Key::Enter,
            Key::Up,
            Key::Home,
            Key::Backspace,
        ];
        for (i, key) in keys.into_iter().cycle().take(60).enumerate() {
            drawn.read(Duration::from_millis(100));
            assert_eq!(drawn.press(key), Next::GoOn);
            drawn.screen.notice = (i % 2 == 0).then(|| "removed".to_owned());
            for (width, height) in [(1, 1), (39, 9), (40, 4), (40, 5), (60, 6), (70, 7), (81, 5), (300, 90)] {
                let lines = drawn.lines(width, height);
                let is_small = width < SMALLEST.0 || height < SMALLEST.1;
                assert_eq!(lines[0].starts_with("Station"), !is_small, "{lines:?}");
            }
        }
        // `c` is as good as `C`.
        let drawn_last = drawn.lines(80, 9).join("\n");
        assert!(drawn_last.contains("celsius") && !drawn_last.contains("readings"), "{drawn_last}");
        assert_eq!(drawn.press(Key::Interrupt), Next::Quit);
    }
}
