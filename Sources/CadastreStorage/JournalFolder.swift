internal import CadastreDisk

/// The files of a journal's directory, before anything in them but their headers is looked at.
struct JournalFolder {
    let directory: String
    let disk: any Disk
    let identity: JournalIdentity

    /// What is there.
    struct Contents {
        /// The headers of all segments that have one, ascending by number.
        var segments: [SegmentHeader] = []
        /// Segments whose header is damaged, ascending, and how: of those that are not needed any more
        /// it does not matter.
        var damaged: [(number: UInt64, error: StorageError)] = []
        /// Files that are to be made anew.
        var leftovers: [String] = []
    }

    /// Reads the names, the headers and the sizes.
    /// - Throws: what ``StorageError`` says of files that are not as they should be.
    func read() throws(StorageError) -> Contents {
        var contents = Contents()
        let numbers = try numbers(into: &contents)
        for number in numbers {
            do throws(StorageError) {
                contents.segments.append(try header(number))
            } catch {
                guard case .damaged = error else { throw error }
                if number == numbers.last, number > 1, try isPrepared(number) {
                    contents.leftovers.append(path(number))
                } else {
                    contents.damaged.append((number, error))
                }
            }
        }
        return contents
    }

    /// The file of a segment.
    func path(_ number: UInt64) -> String {
        "\(directory)/\(SegmentFormat.fileName(number))"
    }

    /// The numbers of all segments, ascending, at least one.
    func numbers(into contents: inout Contents) throws(StorageError) -> [UInt64] {
        var numbers: [UInt64] = []
        let names: [String]
        do throws(DiskError) {
            names = try disk.list(directory)
        } catch {
            if error.isMissing { throw .noJournal(directory: directory) }
            throw .disk(error)
        }
        for name in names where name.hasPrefix("journal-") {
            if name.hasSuffix(SegmentPreparation.suffix) {
                contents.leftovers.append("\(directory)/\(name)")
            } else if let number = SegmentFormat.number(inName: name) {
                numbers.append(number)
            } else {
                throw .unrecognisedFile(file: "\(directory)/\(name)")
            }
        }
        guard !numbers.isEmpty else { throw .noJournal(directory: directory) }
        return numbers
    }

    /// The header of a segment, which is ours, under its name and as long as it says.
    func header(_ number: UInt64) throws(StorageError) -> SegmentHeader {
        let path = path(number)
        let block: [UInt8]
        let size: Int
        do throws(DiskError) {
            let file = try disk.open(path, mode: .read)
            defer { file.close() }
            size = try file.size()
            block = try file.read(at: 0, count: SegmentFormat.blockSize)
        } catch {
            guard error.isUnreadable else { throw .disk(error) }
            throw .damaged(file: path, offset: 0, reason: "the disk cannot read the header")
        }
        let header = try SegmentHeader(decoding: block, file: path)
        guard header.identity == identity else {
            throw .wrongIdentity(file: path, expected: identity, found: header.identity)
        }
        guard header.number == number else {
            throw .misplacedSegment(file: path, number: header.number)
        }
        // A segment gets its name only after all of it was synced: no crash makes it shorter.
        guard size >= header.size else {
            throw .damaged(
                file: path,
                offset: size,
                reason: "the file ends before its segment does"
            )
        }
        return header
    }

    /// Whether a segment whose header is gone is one that was prepared and never written to.
    ///
    /// Every batch begins with something other than zeros, so none was lost with the header.
    func isPrepared(_ number: UInt64) throws(StorageError) -> Bool {
        do throws(DiskError) {
            let file = try disk.open(path(number), mode: .read)
            defer { file.close() }
            let size = try file.size()
            guard SegmentFormat.segmentSizes.contains(size), size % SegmentFormat.blockSize == 0
            else { return false }
            var offset = SegmentFormat.blockSize
            while offset < size {
                let bytes = try file.read(at: offset, count: SegmentReader.windowSize)
                guard !bytes.isEmpty, bytes.isBlank(0..<bytes.count) else { return false }
                offset += bytes.count
            }
            return true
        } catch {
            guard error.isUnreadable else { throw .disk(error) }
            return false
        }
    }
}
