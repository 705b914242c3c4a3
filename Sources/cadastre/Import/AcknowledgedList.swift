internal import Foundation
internal import Synchronization

/// The file in which an import writes each key once the cluster has acknowledged it:
/// `bucket/URL-encoded key`, one a line.
///
/// Each line leaves this program in one call before the next is taken, so that what is in the file
/// counts even if the import is killed.
final class AcknowledgedList: Sendable {
    private let descriptor: Int32
    private let isBroken = Mutex(false)

    /// Opens the file to append to it.
    ///
    /// - Throws: `Failure` if it cannot be opened.
    init(path: String) throws(Failure) {
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure(
                .cannotCreate,
                "\(Escaped.text(path)) cannot be opened for writing",
                advice: "check the path and its permissions"
            )
        }
    }

    deinit { close(descriptor) }

    /// Adds a key.
    ///
    /// Called once the write is acknowledged.
    func add(bucket: [UInt8], key: [UInt8]) {
        let line = bucket + [UInt8(ascii: "/")] + URLCoding.encode(key) + [0x0A]
        let count = unsafe line.withUnsafeBytes {
            unsafe write(descriptor, $0.baseAddress, $0.count)
        }
        if count != line.count { isBroken.withLock { $0 = true } }
    }

    /// Whether a line could not be written.
    var isIncomplete: Bool { isBroken.withLock { $0 } }

    /// Reads the keys of one bucket.
    ///
    /// A last line without its end was being written when the import was killed: the cluster had
    /// acknowledged it, but the line may be cut, so it does not count.
    /// - Throws: `Failure` if the file cannot be read or is no such list.
    static func keys(path: String, bucket: [UInt8]) throws(Failure) -> Set<[UInt8]> {
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
        var keys: Set<[UInt8]> = []
        var lines = [UInt8](data).split(separator: 0x0A, omittingEmptySubsequences: false)
        lines.removeLast()
        for (number, line) in lines.enumerated() {
            guard let slash = line.firstIndex(of: UInt8(ascii: "/")),
                let key = URLCoding.decode(line[(slash + 1)...]), !key.isEmpty
            else {
                throw Failure(
                    .badData,
                    "line \(number + 1) of \(Escaped.text(path)) is not bucket/key",
                    advice: "give the file that import wrote with --record"
                )
            }
            if line[..<slash].elementsEqual(bucket) { keys.insert(key) }
        }
        return keys
    }
}
