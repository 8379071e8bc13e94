//! A picture of throughput and latency against calls in flight.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::Error;
use crate::case::Kind;
use crate::pair::{Compared, Figures};

const SIZE: (u32, u32) = (960, 440);
const FONT: &str = "sans-serif";

/// Draws the calls of the smallest payload there is.
///
/// # Errors
/// When there are no calls, or the file cannot be written.
pub fn draw(file: &Path, all: &[Compared], broker: &str) -> Result<(), Error> {
    let calls = || all.iter().filter(|compared| compared.case == Kind::Call.name());
    let payload = calls().map(|call| call.payload).min().ok_or("there are no calls to draw")?;
    let calls: Vec<_> = calls().filter(|call| call.payload == payload).collect();

    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(said)?;
    let title = format!("Calls of {payload} bytes, RabbitMQ {broker}");
    let area = area.titled(&title, (FONT, 20)).map_err(said)?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    chart(&left, "calls a second", &calls, |side| side.ops_per_s)?;
    chart(&right, "median latency, µs", &calls, |side| side.p50_us)?;
    area.present().map_err(said)
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    what: &str,
    calls: &[&Compared],
    figure: fn(&Figures) -> f64,
) -> Result<(), Error> {
    let in_flight = |call: &&Compared| call.in_flight as f64;
    let least = calls.iter().map(in_flight).fold(f64::MAX, f64::min);
    let most = calls.iter().map(in_flight).fold(least * 2.0, f64::max);
    let figures = || calls.iter().flat_map(|call| [figure(&call.ours), figure(&call.baseline)]);
    let lowest = figures().fold(f64::MAX, f64::min) / 1.5;
    let highest = figures().fold(lowest * 2.0, f64::max) * 1.5;

    let mut chart = ChartBuilder::on(area)
        .caption(what, (FONT, 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d((least..most).log_scale().base(4.0), (lowest..highest).log_scale())
        .map_err(said)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .x_desc("calls in flight")
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()
        .map_err(said)?;
    for (name, colour, side) in sides() {
        let line = calls.iter().map(|call| (in_flight(call), figure(side(call))));
        let series = LineSeries::new(line, colour.stroke_width(2)).point_size(3);
        chart
            .draw_series(series)
            .map_err(said)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()
        .map_err(said)
}

type PickSide = fn(&Compared) -> &Figures;

fn sides() -> [(&'static str, RGBColor, PickSide); 2] {
    [("Postage", BLUE, |call| &call.ours), ("by hand", RED, |call| &call.baseline)]
}

/// What the drawing library says, without the borrows that its errors hold.
fn said(error: impl std::fmt::Display) -> Error {
    error.to_string().into()
}
