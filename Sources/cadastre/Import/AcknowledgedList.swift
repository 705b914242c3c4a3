internal import Foundation
internal import Synchronization

/// The file in which an import writes each key once the cluster has acknowledged it:
/// `bucket/URL-encoded key`, one a line.
///
/// Each line leaves this program in one call before the next is taken, so that what is in the file
/// counts even if the import is killed. An import that is begun again with the same file passes
/// over what is in it.
final class AcknowledgedList: Sendable {
    private let descriptor: Int32
    private let error = Mutex<Int32>(0)
    /// The lines that were there when the file was opened, without their ends.
    private let earlier: Set<[UInt8]>

    /// Opens the file to go on with it; a last line that was cut is removed.
    ///
    /// - Throws: `Failure` if it cannot be opened or is no such list.
    init(path: String) throws(Failure) {
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure(
                .cannotCreate,
                "\(Escaped.text(path)) cannot be opened for writing: \(SystemError.last)",
                advice: "check the path and its permissions"
            )
        }
        do throws(Failure) {
            let (lines, size) = try Self.lines(path: path)
            // Whatever is added must begin a line of its own.
            guard ftruncate(descriptor, off_t(size)) == 0 else {
                throw Failure(
                    .inputOutput,
                    "the cut last line of \(Escaped.text(path)) cannot be removed: "
                        + SystemError.last,
                    advice: "name a regular file"
                )
            }
            earlier = Set(lines)
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// How many keys were in the file when it was opened.
    var earlierCount: Int { earlier.count }

    /// Whether an earlier import wrote this key.
    func contains(bucket: [UInt8], key: [UInt8]) -> Bool {
        !earlier.isEmpty && earlier.contains(Self.line(bucket, key))
    }

    /// Adds a key.
    ///
    /// Called once the write is acknowledged.
    func add(bucket: [UInt8], key: [UInt8]) {
        error.withLock { error in
            // Behind a line that could not be written whole, another would be joined to it.
            guard error == 0 else { return }
            error = Descriptor.write(Self.line(bucket, key) + [0x0A], to: descriptor)
        }
    }

    /// Why a line could not be written; nil if all were.
    var failure: String? {
        error.withLock { $0 == 0 ? nil : SystemError.text($0) }
    }

    /// Reads the keys of one bucket.
    ///
    /// A last line without its end was being written when the import was killed: the cluster had
    /// acknowledged it, but the line may be cut, so it does not count.
    /// - Throws: `Failure` if the file cannot be read or is no such list.
    static func keys(path: String, bucket: [UInt8]) throws(Failure) -> Set<[UInt8]> {
        var keys: Set<[UInt8]> = []
        for line in try lines(path: path).lines {
            guard let slash = line.firstIndex(of: UInt8(ascii: "/")),
                line[..<slash].elementsEqual(bucket)
            else { continue }
            if let key = URLCoding.decode(line[(slash + 1)...]) { keys.insert(key) }
        }
        return keys
    }

    private static func line(_ bucket: [UInt8], _ key: [UInt8]) -> [UInt8] {
        bucket + [UInt8(ascii: "/")] + URLCoding.encode(key)
    }

    /// The whole lines of the file, and how many bytes they take with their ends.
    private static func lines(path: String) throws(Failure) -> (lines: [[UInt8]], size: Int) {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw Failure(
                .missingInput,
                "the list \(Escaped.text(path)) cannot be read",
                advice: "give the file that import wrote with --record"
            )
        }
        var lines = [UInt8](data).split(separator: 0x0A, omittingEmptySubsequences: false)
        let cut = lines.popLast()?.count ?? 0
        for (number, line) in lines.enumerated() {
            guard let slash = line.firstIndex(of: UInt8(ascii: "/")), slash > line.startIndex,
                let key = URLCoding.decode(line[(slash + 1)...]), !key.isEmpty
            else {
                throw Failure(
                    .badData,
                    "line \(number + 1) of \(Escaped.text(path)) is not bucket/key",
                    advice: "give the file that import wrote with --record"
                )
            }
        }
        return (lines.map { Array($0) }, data.count - cut)
    }
}
