//! Rows of numbers.

use std::path::Path;

use crate::description::InputDescription;
use crate::read::Source;
use crate::samples::InputPort;
use crate::{Array, PipelineError};

/// Rows of equal length, with names of columns where the file has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names of the columns, or none.
    pub header: Vec<String>,
    /// The numbers.
    pub rows: Vec<Vec<f32>>,
}

/// Reads comma-separated numbers; a first line with something else in it names the columns.
pub(crate) fn read(path: &Path, source: Source<'_>) -> Result<Table, PipelineError> {
    let format = |reason: String| PipelineError::Format { path: path.to_owned(), wanted: "a table of numbers", reason };
    let mut csv = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(source);
    let mut table = Table::default();
    for (line, record) in csv.records().enumerate() {
        let record = record.map_err(|e| format(e.to_string()))?;
        let numbers: Result<Vec<f32>, _> = record.iter().map(str::parse).collect();
        match numbers {
            Ok(row) => table.rows.push(row),
            Err(_) if line == 0 => table.header = record.iter().map(str::to_owned).collect(),
            Err(_) => {
                let cell = record.iter().find(|c| c.parse::<f32>().is_err()).unwrap_or_default();
                return Err(format(format!("line {}: {cell:?} is no number", line + 1)));
            }
        }
    }
    if table.rows.is_empty() { Err(format("there are no rows".into())) } else { Ok(table) }
}

/// Samples of a table: all rows together where they fill the input, else one sample for each row.
pub(crate) fn tensors(
    table: &Table,
    port: &InputPort<'_>,
    description: &InputDescription,
) -> Result<Vec<Array>, PipelineError> {
    let wrong = |reason: String| PipelineError::Input { input: port.name.to_owned(), reason };
    let order = columns(table, description).map_err(wrong)?;
    description.check_parts(order.len(), "columns")?;
    let row = |cells: &Vec<f32>| -> Vec<f32> {
        order.iter().enumerate().map(|(i, &column)| description.normalize(cells[column], i, 1.0)).collect()
    };
    let wanted: usize = port.shape.iter().product();
    if order.len() * table.rows.len() == wanted {
        let values: Vec<f32> = table.rows.iter().flat_map(row).collect();
        return Ok(vec![Array::from_f32(port.shape.to_vec(), &values)]);
    }
    if order.len() == wanted {
        return Ok(table.rows.iter().map(|cells| Array::from_f32(port.shape.to_vec(), &row(cells))).collect());
    }
    let (rows, cols) = (table.rows.len(), order.len());
    Err(wrong(format!("{rows} rows of {cols} numbers do not fill the shape {:?}", port.shape)))
}

/// Where in a row each of the input's columns stands.
fn columns(table: &Table, description: &InputDescription) -> Result<Vec<usize>, String> {
    let width = table.rows.first().map_or(0, Vec::len);
    if table.header.is_empty() || description.columns.is_empty() {
        if !description.columns.is_empty() && description.columns.len() != width {
            return Err(format!(
                "{} columns are wanted ({}), the table has {width}",
                description.columns.len(),
                description.columns.join(", ")
            ));
        }
        return Ok((0..width).collect());
    }
    let place = |name: &String| {
        let found = table.header.iter().position(|h| h == name).filter(|&i| i < width);
        found.ok_or_else(|| format!("no column {name:?}: the table has {}", table.header.join(", ")))
    };
    description.columns.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use coulter_plan::DType;

    use super::*;
    use crate::read::source;

    fn table(text: &str) -> Result<Table, PipelineError> {
        read(Path::new("x.csv"), source(std::io::Cursor::new(text)))
    }

    #[test]
    fn columns_are_found_by_name_and_normalized() {
        let table = table("b,a\n1,2\n3,4\n").expect("a table");
        let description = InputDescription {
            columns: vec!["a".into(), "b".into()],
            mean: vec![0.0, 1.0],
            std: vec![2.0, 1.0],
            ..InputDescription::default()
        };
        let values = |shape: &[usize]| -> Vec<Vec<f64>> {
            let port = InputPort { name: "x", dtype: DType::F32, shape };
            tensors(&table, &port, &description).expect("it fits").iter().map(Array::to_f64).collect()
        };
        assert_eq!(values(&[1, 2]), [vec![1.0, 0.0], vec![2.0, 2.0]]);
        assert_eq!(values(&[1, 2, 2]), [vec![1.0, 0.0, 2.0, 2.0]]);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        assert!(table("1,2\n3\n").is_err() && table("1\nx\n").is_err() && table("").is_err());
        let port = InputPort { name: "x", dtype: DType::F32, shape: &[1, 3] };
        let numbers = table("1,2").expect("a table");
        assert!(tensors(&numbers, &port, &InputDescription::default()).is_err());
        let named = InputDescription { columns: vec!["c".into()], ..InputDescription::default() };
        assert!(tensors(&table("a\n1\n").expect("a table"), &port, &named).is_err());
    }
}
