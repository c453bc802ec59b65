//! The rows of a peer, whatever the outside address was.

use crate::{
    column::{COLUMNS, Column},
    damaged::Damaged,
    pages::Values,
    plain::Plain,
    segment::Segment,
    source::Source,
};

/// What is looked at first, of every page.
const FIRST: [Column; 2] = [Column::RemoteIp, Column::OutsidePort];

impl<S: Source> Segment<S> {
    /// Gives the rows to `each`, in order, that are filed under hours of which `hours` says so and whose peer's
    /// address and outside port `wanted` wants. Rows are not in order of those, so every page is looked at; but
    /// of one that has no such row no more than the two columns is read.
    ///
    /// # Errors
    /// If a page that is read is damaged: `each` has been given rows of those before it.
    pub fn search(
        &self,
        hours: impl Fn(i32) -> bool,
        wanted: impl Fn(u32, u16) -> bool,
        mut each: impl FnMut(&Plain),
    ) -> Result<(), Damaged> {
        let directory = self.directory();
        let mut pages = self.pages();
        let mut values: [Values; COLUMNS] = Default::default();
        let mut rows: Vec<Plain> = Vec::new();
        let is_wanted = |row: &Plain| wanted(row.remote_ip, row.outside_port);
        for (number, bounds) in directory.pages.iter().enumerate() {
            let elsewhere = bounds.first.hour == bounds.last.hour && !hours(bounds.first.hour);
            let Some((group, page)) = directory.page(number).filter(|_| !elsewhere) else { continue };
            rows.clear();
            rows.resize(
                directory.groups.get(group).map_or(0, |group| group.rows_of(page)) as usize,
                Plain::default(),
            );
            let mut read = |column: Column, rows: &mut [Plain]| -> Result<(), Damaged> {
                let values = &mut values[column.index()];
                pages.read(group, page, column, values)?;
                values.spread(column, 0..rows.len(), rows);
                Ok(())
            };
            FIRST.into_iter().try_for_each(|column| read(column, &mut rows))?;
            if rows.iter().any(is_wanted) {
                let rest = Column::ALL.into_iter().filter(|column| !FIRST.contains(column));
                rest.into_iter().try_for_each(|column| read(column, &mut rows))?;
                rows.iter().filter(|row| is_wanted(row) && hours(row.hour)).for_each(&mut each);
            }
        }
        Ok(())
    }
}
