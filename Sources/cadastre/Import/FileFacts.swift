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

    /// Reads and hashes a file; nil if it cannot be read.
    ///
    /// `hash` and `buffer` are reused.
    init?(_ file: FileWalk.File, prefix: [UInt8], hash: SHA256, buffer: inout [UInt8]) {
        let descriptor: Int32 = unsafe (file.path + [0]).withUnsafeBytes { bytes -> Int32 in
            let first = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress
            guard let start = unsafe first else { return -1 }
            return unsafe open(start, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        }
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var size: UInt64 = 0
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                // An unfinished message must not stay in the hash.
                _ = hash.finalize()
                return nil
            }
            if count == 0 { break }
            unsafe buffer.withUnsafeBytes {
                unsafe hash.update(UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
            }
            size += UInt64(count)
        }
        checksum = hash.finalize().bytes
        key = prefix + file.relativePath
        self.size = size
        modifiedMilliseconds = file.modifiedMilliseconds
        contentType = Array(MediaType.of(file.relativePath).utf8)
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
