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
    private var filled = 0

    /// Begins with an empty temporary file.
    init(_ header: SegmentHeader, in directory: String, on disk: any Disk) throws(DiskError) {
        self.header = header
        self.directory = directory
        self.disk = disk
        file = try disk.open(
            "\(directory)/\(SegmentFormat.fileName(header.number))\(SegmentPreparation.suffix)",
            mode: .create
        )
        try file.truncate(to: 0)
    }

    /// Does one step, of at most `slice` bytes of zeros; returns the segment once it is finished.
    func step(slice: Int) throws(DiskError) -> OpenSegment? {
        if filled == 0 {
            try file.preallocate(header.size)
            let block = header.encoded()
            try file.write(at: 0, block)
            filled = block.count
            return nil
        }
        if filled < header.size {
            let end = min(header.size, filled + max(SegmentFormat.blockSize, slice))
            try file.zeroFill(filled..<end)
            // Synced slice by slice: 64 MiB at once would hold up every sync beside it.
            try file.sync()
            filled = end
            return nil
        }
        try file.sync()
        file.close()
        let path = "\(directory)/\(SegmentFormat.fileName(header.number))"
        try disk.rename(path + SegmentPreparation.suffix, to: path)
        try disk.syncDirectory(directory)
        return OpenSegment(header: header, file: try disk.open(path, mode: .readWrite))
    }

    /// Gives the space back.
    func abandon() {
        file.close()
        // If the file cannot be removed either, the next start tries again.
        try? disk.remove(file.path)
    }
}
