/// Giving the file's free pages back to the disk, a few at a time.
///
/// SQLite keeps the pages of what was deleted for what comes. What is far more than that is moved to
/// the end of the file and cut off. Measured with the tables of objects and bodies, 200,000 puts: the
/// map that makes it possible costs 0.2 % to 1 % more pages written, and no processor time that stood
/// out; a page given back costs three written and some 0.1 ms.
extension StateMachine {
    /// Free pages that are kept in any case: 4 MiB.
    private static var keptPages: Int { 512 }
    /// Pages given back in one step.
    private static var pagesPerStep: Int { 64 }

    /// Gives back a few pages if more than a quarter of the file is free.
    ///
    /// Not while an image is held, whose log has better uses. A file that was made without the map
    /// stays as it is.
    func giveBackSpace() throws(StateMachineError) {
        let connection = rows.connection
        guard connection.isShrinkable, !isMainFileHeld else { return }
        do {
            let free = Int(try connection.value(of: "PRAGMA freelist_count")) ?? 0
            guard free > Self.keptPages else { return }
            let all = Int(try connection.value(of: "PRAGMA page_count")) ?? 0
            guard free > all / 4 else { return }
            try begin()
            try connection.execute("PRAGMA incremental_vacuum(\(Self.pagesPerStep))")
        } catch {
            throw recover(from: error)
        }
        try commit()
    }
}
