internal import CadastreDisk
internal import RaftCore

/// A segment that can be written to.
struct OpenSegment {
    var header: SegmentHeader
    var file: any DiskFile
}

/// Makes a segment ready in small steps: a temporary file, header, zeros, sync, its name, and a
/// sync of the directory.
///
/// A crash leaves the temporary file or the finished segment.
final class SegmentPreparation {
    /// What the name of an unfinished segment ends with.
    static let suffix = ".preparing"

    /// The header of the segment to be.
    let header: SegmentHeader
    private let directory: String
    private let disk: any Disk
    private let file: any DiskFile
    private var phase = Phase.empty

    private enum Phase {
        case empty
        /// Header and zeros up to here.
        case filled(Int)
        /// It has its name, which is not yet durable.
        case named
        /// It is a segment like any other, but for not being open.
        case durable
    }

    /// Begins with an empty temporary file.
    init(_ header: SegmentHeader, in directory: String, on disk: any Disk) throws(DiskError) {
        self.header = header
        self.directory = directory
        self.disk = disk
        let name = SegmentFormat.fileName(header.number) + SegmentPreparation.suffix
        file = try disk.open("\(directory)/\(name)", mode: .create)
        do throws(DiskError) {
            try file.truncate(to: 0)
        } catch {
            abandon()
            throw error
        }
    }

    /// Does one step, of at most `slice` bytes of zeros; returns the segment once it is finished.
    func step(slice: Int) throws(DiskError) -> OpenSegment? {
        let path = "\(directory)/\(SegmentFormat.fileName(header.number))"
        switch phase {
        case .empty:
            try file.preallocate(header.size)
            let block = header.encoded()
            try file.write(at: 0, block)
            phase = .filled(block.count)
        case .filled(let size) where size < header.size:
            let end = min(header.size, size + max(SegmentFormat.blockSize, slice))
            try file.zeroFill(size..<end)
            // Synced slice by slice: 64 MiB at once would hold up every sync beside it.
            try file.sync()
            // Memory keeps a slice in pieces as large as it was written in, and Linux walks through
            // all blocks of a piece for each batch that is written to it; of a batch that finds none,
            // it keeps a piece of its own. Nothing is read for that where batches are whole blocks of
            // the file system, too, as they are of ext4 and XFS.
            try file.forgetCache()
            phase = .filled(end)
        case .filled:
            try file.sync()
            file.close()
            try disk.rename(path + SegmentPreparation.suffix, to: path)
            phase = .named
        case .named:
            try disk.syncDirectory(directory)
            phase = .durable
        case .durable:
            return OpenSegment(header: header, file: try disk.open(path, mode: .readWrite))
        }
        return nil
    }

    /// Whether the same step, or a preparation from the beginning, may do better later.
    ///
    /// What failed to be written is written again into another file. But a name that failed to
    /// become durable stays unknown.
    func mayTryAgain(after error: DiskError) -> Bool {
        switch phase {
        case .empty, .filled: error.isShortage
        case .named, .durable: error.isShortage && !error.isOutOfSpace
        }
    }

    /// Gives the space back.
    ///
    /// - Returns: Whether nothing is left of it; a segment that has its name stays.
    @discardableResult
    func abandon() -> Bool {
        switch phase {
        case .empty, .filled:
            file.close()
            // If the file cannot be removed either, the next start tries again.
            try? disk.remove(file.path)
            return true
        case .named, .durable: return false
        }
    }
}
