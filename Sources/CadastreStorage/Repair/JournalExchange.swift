package import CadastreDisk

/// Puts a repaired journal in the place of a damaged one, file by file, so that a start after a crash
/// at any moment goes on where it ended.
///
/// ```
/// journal/            the damaged files, until they are moved away
/// journal.repaired/   the new ones while they are written; then `whole`: they replace the others;
///                     then `moved`: the others are away, these go to their place
/// journal.damaged/    what was replaced, kept for whoever looks into it; one journal at most
/// ```
///
/// A journal that is not marked `whole` is not used by anybody and is written anew.
package struct JournalExchange {
    /// The journal of the node.
    package let directory: String
    let disk: any Disk

    /// Of the journal in this directory.
    package init(directory: String, on disk: any Disk) {
        self.directory = directory
        self.disk = disk
    }

    /// Where the new journal is written.
    var repaired: String { directory + ".repaired" }
    /// Where the damaged one is kept.
    package var damaged: String { directory + ".damaged" }

    private static let spool = "fetched"
    private static let whole = "whole"
    private static let moved = "moved"

    /// Empties the folder of the new journal, and opens the file for what is fetched.
    func begin() throws(StorageError) -> any DiskFile {
        try onDisk { () throws(DiskError) in
            try disk.createDirectory(repaired)
            try clear(repaired)
            return try disk.open("\(repaired)/\(Self.spool)", mode: .create)
        }
    }

    /// The new journal is whole and durable: from here on it replaces the other.
    func commit() throws(StorageError) {
        try onDisk { () throws(DiskError) in
            // What an earlier repair had kept. Before the mark: afterwards it may be of this one.
            try disk.createDirectory(damaged)
            try clear(damaged)
            let file = try disk.open("\(repaired)/\(Self.whole)", mode: .create)
            defer { file.close() }
            try file.sync()
            try disk.syncDirectory(repaired)
        }
    }

    /// Finishes an exchange that was begun; true if there was one.
    ///
    /// At a start before the journal is looked at.
    /// - Throws: `disk` or `outOfSpace`, after which a later call goes on.
    package func finish() throws(StorageError) -> Bool {
        try onDisk { () throws(DiskError) in
            guard try disk.exists(repaired) else { return false }
            if try disk.exists("\(repaired)/\(Self.whole)") {
                try move(from: directory, to: damaged)
                try disk.rename(
                    "\(repaired)/\(Self.whole)",
                    to: "\(repaired)/\(Self.moved)"
                )
                try disk.syncDirectory(repaired)
            }
            guard try disk.exists("\(repaired)/\(Self.moved)") else { return false }
            try move(from: repaired, to: directory)
            // The lock and what was fetched; the mark, which is what counts, goes with them.
            try clear(repaired)
            return true
        }
    }

    /// Bytes that the damaged journal takes, for people; nil if none is kept.
    package func keptSize() throws(StorageError) -> Int? {
        try onDisk { () throws(DiskError) in
            guard try disk.exists(damaged) else { return nil }
            var size = 0
            let names = try disk.list(damaged)
            for name in names {
                let file = try disk.open("\(damaged)/\(name)", mode: .read)
                defer { file.close() }
                size += try file.size()
            }
            return names.isEmpty ? nil : size
        }
    }

    private func move(from source: String, to target: String) throws(DiskError) {
        for name in try disk.list(source) where name.hasPrefix("journal-") {
            try disk.rename("\(source)/\(name)", to: "\(target)/\(name)")
        }
        try disk.syncDirectory(target)
        try disk.syncDirectory(source)
    }

    private func clear(_ directory: String) throws(DiskError) {
        for name in try disk.list(directory) { try disk.remove("\(directory)/\(name)") }
        try disk.syncDirectory(directory)
    }

    private func onDisk<Result>(
        _ work: () throws(DiskError) -> Result
    ) throws(StorageError) -> Result {
        do throws(DiskError) { return try work() } catch {
            throw error.isOutOfSpace ? .outOfSpace(error) : .disk(error)
        }
    }
}
