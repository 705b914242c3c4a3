internal import CadastreClient
internal import CadastreDisk
internal import Foundation

/// What the register keeps of one file: its size, SHA-256, time and kind.
struct FileFacts: Hashable, Sendable {
    var key: [UInt8]
    var size: UInt64
    var checksum: [UInt8]
    var modifiedMilliseconds: UInt64
    var contentType: [UInt8]

    /// Why a file has no facts, for the end of a sentence.
    struct Unreadable: Error, Hashable, Sendable {
        var reason: String
    }

    /// What is done with a symbolic link in the file's place.
    enum Links {
        /// A walk does not leave its folder.
        case refused
        /// Who names a link means its file.
        case followed
    }

    /// Reads and hashes a file.
    ///
    /// `hash` and `buffer` are reused.
    /// - Throws: `Unreadable` if it cannot be read to its end or is no regular file.
    init(
        path: [UInt8],
        key: [UInt8],
        links: Links,
        hash: SHA256,
        buffer: inout [UInt8]
    ) throws(Unreadable) {
        // Not blocking: a pipe that stands there is refused below, without waiting for a writer.
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (links == .refused ? O_NOFOLLOW : 0)
        let descriptor: Int32 = unsafe (path + [0]).withUnsafeBytes { bytes -> Int32 in
            let first = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress
            guard let start = unsafe first else { return -1 }
            return unsafe open(start, flags)
        }
        guard descriptor >= 0 else { throw Unreadable(reason: SystemError.last) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw Unreadable(reason: SystemError.last)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Unreadable(reason: "it is no regular file")
        }
        size = try Self.read(descriptor, into: hash, &buffer)
        checksum = hash.finalize().bytes
        self.key = key
        modifiedMilliseconds = FileWalk.milliseconds(status)
        contentType = Array(MediaType.of(path).utf8)
    }

    /// Hashes all there is, and returns how many bytes that are.
    private static func read(
        _ descriptor: Int32,
        into hash: SHA256,
        _ buffer: inout [UInt8]
    ) throws(Unreadable) -> UInt64 {
        var size: UInt64 = 0
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Foundation.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                let reason = SystemError.last
                // An unfinished message must not stay in the hash.
                _ = hash.finalize()
                throw Unreadable(reason: reason)
            }
            if count == 0 { return size }
            unsafe buffer.withUnsafeBytes {
                unsafe hash.update(UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
            }
            size += UInt64(count)
        }
    }

    /// The entity tag: the checksum in hexadecimal digits.
    var etag: [UInt8] { Array(Hexadecimal.encode(checksum).utf8) }

    /// As an object to put.
    func put(into bucket: [UInt8]) -> PutObject {
        var put = PutObject(bucket: bucket, key: key, size: size)
        put.etag = etag
        put.checksum = Checksum(.sha256, checksum)
        put.contentType = contentType
        put.modifiedMilliseconds = modifiedMilliseconds
        return put
    }

    /// What the stored object has that the file has not; empty if they agree.
    func differences(from object: StoredObject) -> [String] {
        var differences: [String] = []
        if object.key != key { differences.append("key") }
        if object.size != size { differences.append("size") }
        if object.etag != etag { differences.append("etag") }
        if object.checksum != Checksum(.sha256, checksum) { differences.append("checksum") }
        if object.modifiedMilliseconds != modifiedMilliseconds { differences.append("time") }
        if object.contentType != contentType { differences.append("content type") }
        return differences
    }
}

/// Media types by the end of a name.
enum MediaType {
    /// `application/octet-stream` where nothing better is known.
    static func of(_ path: [UInt8]) -> String {
        let name = path.split(separator: UInt8(ascii: "/")).last ?? []
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")), dot > name.startIndex else {
            return "application/octet-stream"
        }
        let suffix = String(decoding: name[name.index(after: dot)...], as: UTF8.self).lowercased()
        return types[suffix] ?? "application/octet-stream"
    }

    private static let types = [
        "txt": "text/plain", "md": "text/markdown", "html": "text/html", "htm": "text/html",
        "css": "text/css", "csv": "text/csv", "js": "text/javascript", "json": "application/json",
        "xml": "application/xml", "pdf": "application/pdf", "gz": "application/gzip",
        "zip": "application/zip", "tar": "application/x-tar", "png": "image/png",
        "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml",
        "webp": "image/webp", "mp4": "video/mp4", "mp3": "audio/mpeg", "wav": "audio/wav",
        "swift": "text/x-swift", "c": "text/x-c", "h": "text/x-c", "py": "text/x-python",
        "sh": "application/x-sh", "yaml": "application/yaml", "yml": "application/yaml",
    ]
}
