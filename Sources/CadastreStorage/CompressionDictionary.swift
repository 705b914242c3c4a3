/// The bytes that small commands are compressed against: sample commands as they stand in the log,
/// with the words that object stores use again and again.
///
/// A dictionary is part of the format: once shipped it never changes (a test holds its hash); a
/// better one gets the next number.
enum CompressionDictionary {
    /// Dictionary 1, of 8 KiB.
    static let first: [UInt8] = {
        var bytes: [UInt8] = []
        for word in words { bytes.append(contentsOf: word.utf8) }
        // Several times with other numbers: what repeats between commands stands close together.
        for round in 0..<2 {
            for (place, sample) in samples.enumerated() {
                bytes.append(contentsOf: put(sample, number: UInt64(round * 1_000 + place)))
            }
        }
        precondition(bytes.count >= size, "the samples of dictionary 1 became too few")
        // The end is kept: what is most like a command stands there.
        return Array(bytes.suffix(size))
    }()

    private static let size = 8_192

    private struct Sample {
        var bucket: String
        var key: String
        var contentType: String
        var metadata: [(String, String)]
        var tags: [(String, String)]
    }

    /// An envelope of a service's put, by slot, and its message.
    private static func put(_ sample: Sample, number: UInt64) -> [UInt8] {
        var body: [UInt8] = []
        body.append(field: 1, Array(sample.bucket.utf8))
        body.append(field: 2, Array(sample.key.utf8))
        body.append(field: 3, number: 1_048_576 &+ number &* 40_503)
        let digest = (0..<32).map { UInt8(truncatingIfNeeded: (number &+ $0) &* 0x9d) }
        let text = digest.prefix(16).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        body.append(field: 4, Array(text.joined().utf8))
        body.append(field: 5, [0x08, 0x02, 0x12, 0x20] + digest)
        body.append(field: 6, Array(sample.contentType.utf8))
        for pair in sample.metadata { body.append(field: 7, attribute(pair)) }
        for pair in sample.tags { body.append(field: 8, attribute(pair)) }
        body.append(field: 9, Array("paris-1/pool-01/\(text[0])/\(text[1])/volume-0001".utf8))
        body.append(field: 11, number: 1_700_000_000_000 &+ number &* 86_400_000)

        let name = Array("storage-gateway".utf8)
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt32(48 + 24 + name.count + body.count))
        bytes.append(contentsOf: [1, 9, 3, 1])
        for word in [number % 3 + 1, 0, 1, 0] { bytes.append(littleEndian: word) }
        bytes.append(contentsOf: [0, UInt8(name.count), 0, 0, 0, 0, 0, 0])
        for word in [number, number % 8, number &* 7 + 1] { bytes.append(littleEndian: word) }
        return bytes + name + body
    }

    private static func attribute(_ pair: (String, String)) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(field: 1, Array(pair.0.utf8))
        bytes.append(field: 2, Array(pair.1.utf8))
        return bytes
    }

    private static let words = [
        "GLACIER STANDARD_IA REDUCED_REDUNDANCY INTELLIGENT_TIERING DEEP_ARCHIVE ",
        "AES256 aws:kms x-amz-server-side-encryption x-amz-meta- x-amz-storage-class ",
        "cache-control max-age=31536000, public, immutable no-cache, no-store private ",
        "content-disposition attachment; filename=\" inline; content-encoding gzip zstd br ",
        "content-language fr-FR en-US expires Thu, 01 Jan 2026 00:00:00 GMT ",
        "Mon, Tue, Wed, Fri, Sat, Sun, Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec 2023 2024 2025 ",
        "year=2024/month=01/day=01/hour=00/part-00000-of-00016.snappy.parquet dt=2025-06-15/ ",
        "_SUCCESS _temporary/0/task_ manifest.json metadata.json checkpoint-000000 index.html ",
        "application/json; charset=utf-8 application/x-ndjson application/vnd.api+json ",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document ",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet ",
        "application/vnd.apache.parquet application/x-tar application/zstd application/wasm ",
        "application/x-www-form-urlencoded multipart/form-data application/dicom audio/mpeg ",
        "image/webp image/svg+xml image/tiff image/gif image/avif video/webm video/quicktime ",
        "text/plain; charset=utf-8 text/csv text/css text/javascript text/markdown font/woff2 ",
        "users/ uploads/ thumbnails/ originals/ exports/ imports/ reports/ invoices/ tmp/ data/ ",
        "backups/daily/ weekly/ monthly/ database/ postgres/ wal/ base/ snapshots/ archive/ ",
        "logs/access/ errors/ audit/ events/ metrics/ traces/ models/ datasets/ train/ test/ ",
        ".tar.gz .json.gz .log.gz .csv .pdf .png .jpg .jpeg .mp4 .docx .xlsx .pptx .xml .html ",
        "/usr/share/doc/ changelog.Debian.gz copyright README.md NEWS.gz examples/ lib/ src/ ",
    ]

    private static let samples: [Sample] = [
        Sample(
            bucket: "backups",
            key: "backups/daily/2025-01-15/database/postgres-main.tar.zst",
            contentType: "application/x-tar",
            metadata: [("retention", "30d"), ("source", "postgres-main-01")],
            tags: [("environment", "production"), ("owner", "platform")]
        ),
        Sample(
            bucket: "logs",
            key: "logs/access/year=2025/month=01/day=15/hour=07/part-00000.json.gz",
            contentType: "application/gzip",
            metadata: [("content-encoding", "gzip")],
            tags: [("environment", "staging"), ("project", "ingest")]
        ),
        Sample(
            bucket: "documents",
            key: "users/00001234/documents/invoices/2024/facture-2024-000123.pdf",
            contentType: "application/pdf",
            metadata: [("filename", "facture-2024-000123.pdf"), ("uploaded-by", "user")],
            tags: [("classification", "confidential"), ("department", "finance")]
        ),
        Sample(
            bucket: "images",
            key: "uploads/originals/3f/2a/3f2a9c10-7b4e-4d21-9a55-000000000001.jpg",
            contentType: "image/jpeg",
            metadata: [("width", "1920"), ("height", "1080"), ("orientation", "1")],
            tags: [("status", "public")]
        ),
        Sample(
            bucket: "images",
            key: "uploads/thumbnails/3f/2a/3f2a9c10-7b4e-4d21-9a55-000000000001_256.png",
            contentType: "image/png",
            metadata: [("cache-control", "public, max-age=31536000, immutable")],
            tags: [("status", "archived")]
        ),
        Sample(
            bucket: "datasets",
            key: "datasets/train/images/part-00001-of-01024.snappy.parquet",
            contentType: "application/vnd.apache.parquet",
            metadata: [("schema-version", "3"), ("rows", "1000000")],
            tags: [("project", "research"), ("team", "data-science")]
        ),
        Sample(
            bucket: "media",
            key: "media/videos/2025/06/conference-keynote-1080p.mp4",
            contentType: "video/mp4",
            metadata: [("duration", "3600"), ("mtime", "1700000000.000000000")],
            tags: [("language", "fr")]
        ),
        Sample(
            bucket: "web-assets",
            key: "static/js/main.0a1b2c3d.chunk.js",
            contentType: "text/javascript; charset=utf-8",
            metadata: [("cache-control", "public, max-age=31536000, immutable")],
            tags: [("release", "v1.0.0")]
        ),
        Sample(
            bucket: "web-assets",
            key: "static/index.html",
            contentType: "text/html; charset=utf-8",
            metadata: [("cache-control", "no-cache"), ("content-language", "fr-FR")],
            tags: [("release", "v1.0.1")]
        ),
        Sample(
            bucket: "archive",
            key: "archive/2023/reports/monthly/report-2023-12.csv",
            contentType: "text/csv; charset=utf-8",
            metadata: [
                ("sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
            ],
            tags: [("retention", "10y"), ("legal-hold", "false")]
        ),
        Sample(
            bucket: "documents",
            key: "share/doc/libssl-dev/changelog.Debian.gz",
            contentType: "application/octet-stream",
            metadata: [("mode", "0644"), ("mtime", "1700000000"), ("uid", "0"), ("gid", "0")],
            tags: []
        ),
        Sample(
            bucket: "data",
            key: "data/objects/00/00000001",
            contentType: "application/octet-stream",
            metadata: [],
            tags: []
        ),
    ]
}

extension Array where Element == UInt8 {
    /// A protobuf field of bytes.
    fileprivate mutating func append(field: UInt8, _ content: [UInt8]) {
        append(field << 3 | 2)
        append(varint: UInt64(content.count))
        append(contentsOf: content)
    }

    /// A protobuf field with a number.
    fileprivate mutating func append(field: UInt8, number: UInt64) {
        append(field << 3)
        append(varint: number)
    }

    private mutating func append(varint number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}
