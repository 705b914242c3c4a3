internal import Foundation

/// One file of an inventory, before it is opened.
struct InventoryFile: Hashable, Sendable {
    /// `-` is standard input.
    var path: String
    /// As a manifest names them; nil if none does.
    var columns: InventoryColumns?
    /// In bytes, as it lies there; nil for what has no size, such as a pipe.
    var size: UInt64?
}

/// The files of an inventory, each of which is there and can be read.
struct InventoryFiles: Hashable, Sendable {
    let files: [InventoryFile]

    /// Finds the files: CSV files, manifests, and `-`.
    ///
    /// - Throws: `Failure` naming the first that is missing.
    init(_ paths: [String]) throws(Failure) {
        var files: [InventoryFile] = []
        for path in paths {
            if path == "-" {
                files.append(InventoryFile(path: path))
            } else if path.hasSuffix(".json") {
                files += try InventoryManifest(path: path).files()
            } else {
                files.append(InventoryFile(path: path, size: try Self.size(of: path)))
            }
        }
        guard files.count(where: { $0.path == "-" }) <= 1 else {
            throw Failure(.usage, "- is given twice", advice: "there is one standard input")
        }
        for file in files { try Self.findGzip(for: file.path) }
        self.files = files
    }

    /// Bytes of all files; nil if one has no size.
    var size: UInt64? {
        var sum: UInt64 = 0
        for file in files {
            guard let size = file.size else { return nil }
            sum &+= size
        }
        return sum
    }

    /// The size of a file that can be read; nil for what has none.
    ///
    /// - Throws: `Failure` if it cannot be read, or is a folder.
    private static func size(of path: String) throws(Failure) -> UInt64? {
        var status = stat()
        guard unsafe stat(path, &status) == 0, unsafe access(path, R_OK) == 0 else {
            throw Failure(
                .missingInput,
                "the inventory \(Escaped.text(path)) cannot be read: \(SystemError.last)",
                advice: "check the path and its permissions"
            )
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return UInt64(max(0, status.st_size))
        case S_IFDIR:
            throw Failure(
                .missingInput,
                "the inventory \(Escaped.text(path)) is a folder",
                advice: "name its manifest.json or its CSV files"
            )
        default: return nil
        }
    }

    /// Whether what is packed can be unpacked: better said before anything is sent.
    private static func findGzip(for path: String) throws(Failure) {
        guard path.hasSuffix(".gz"), Gzip.path == nil else { return }
        throw Failure(
            .unavailable,
            "the program gzip, by which \(Escaped.text(path)) is unpacked, is in no folder of PATH",
            advice: "install gzip, or unpack the inventory first"
        )
    }
}

/// The list of data files that S3 writes beside an inventory.
struct InventoryManifest {
    private struct Content: Decodable {
        struct File: Decodable {
            var key: String
            var size: UInt64?
        }

        var files: [File]
        var fileFormat: String?
        var fileSchema: String?
    }

    /// The most bytes that a manifest may have: some hundred thousand files.
    static let maximumSize = 64 << 20

    private let content: Content
    private let columns: InventoryColumns?
    private let path: String

    /// Reads a manifest.
    ///
    /// - Throws: `Failure` if it cannot be read, or is of an inventory that is not CSV.
    init(path: String) throws(Failure) {
        self.path = path
        func wrong(_ what: String, advice: String) -> Failure {
            Failure(.badData, "the manifest \(Escaped.text(path)) \(what)", advice: advice)
        }
        let data: Data
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            data = try handle.read(upToCount: Self.maximumSize + 1) ?? Data()
            try handle.close()
        } catch {
            throw Failure(
                .missingInput,
                "the manifest \(Escaped.text(path)) is not there or cannot be read",
                advice: "check the path and its permissions"
            )
        }
        guard data.count <= Self.maximumSize else {
            throw wrong("is larger than 64 MiB", advice: "name its data files instead")
        }
        do {
            content = try JSONDecoder().decode(Content.self, from: data)
        } catch {
            throw wrong(
                "is no manifest of an S3 Inventory",
                advice: "name a manifest.json, or CSV files"
            )
        }
        if let format = content.fileFormat, format.uppercased() != "CSV" {
            throw wrong(
                "is of an inventory in \(Escaped.text(format))",
                advice: "have the inventory written as CSV"
            )
        }
        do throws(InventoryLine.Wrong) {
            columns = try content.fileSchema.map { schema throws(InventoryLine.Wrong) in
                let names = schema.split(separator: ",", omittingEmptySubsequences: false)
                return try InventoryColumns(
                    naming: names.map { $0.trimmingCharacters(in: .whitespaces) }
                )
            }
        } catch {
            throw wrong(
                "cannot be used: \(error.reason)",
                advice: "have the inventory written with Bucket, Key and Size"
            )
        }
    }

    /// The data files, each where it was found.
    ///
    /// - Throws: `Failure` naming the first that is missing or has another size.
    func files() throws(Failure) -> [InventoryFile] {
        var files: [InventoryFile] = []
        for file in content.files {
            let (place, size) = try find(file.key)
            if let expected = file.size, expected != size {
                throw Failure(
                    .badData,
                    "the data file \(Escaped.text(place)) has \(size) bytes and not \(expected), "
                        + "as the manifest \(Escaped.text(path)) says",
                    advice: "fetch it again"
                )
            }
            files.append(InventoryFile(path: place, columns: columns, size: size))
        }
        return files
    }

    /// Looks where a copy of the bucket has it, and beside the manifest.
    private func find(_ key: String) throws(Failure) -> (path: String, size: UInt64) {
        let parts = key.split(separator: "/")
        guard let name = parts.last, !parts.contains("..") else {
            throw Failure(
                .badData,
                "the manifest \(Escaped.text(path)) names a data file '\(Escaped.text(key))'",
                advice: "a key has a name and no .. in it"
            )
        }
        let folder = URL(fileURLWithPath: path).standardizedFileURL.deletingLastPathComponent()
        var places = [
            folder.path + "/\(name)", folder.path + "/data/\(name)",
            folder.deletingLastPathComponent().path + "/data/\(name)",
        ]
        // `aws s3 sync` of the whole destination keeps the keys as paths.
        var ancestor = folder
        for _ in 0..<parts.count + 2 {
            places.append(ancestor.path + "/" + parts.joined(separator: "/"))
            ancestor = ancestor.deletingLastPathComponent()
        }
        for place in places {
            var status = stat()
            guard unsafe stat(place, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
                unsafe access(place, R_OK) == 0
            else { continue }
            return (place, UInt64(max(0, status.st_size)))
        }
        throw Failure(
            .missingInput,
            "the data file \(Escaped.text(key)) of the manifest \(Escaped.text(path)) is not there",
            advice: "put it into \(Escaped.text(folder.path)) or its folder data"
        )
    }
}
