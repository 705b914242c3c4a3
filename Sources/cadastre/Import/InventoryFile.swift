internal import Foundation

/// Reads an inventory, plain or compressed with gzip, in bounded memory.
struct InventorySource {
    /// The most bytes that a compressed inventory may unpack to: a small file must not occupy a
    /// machine for ever.
    static let maximumUnpackedSize: UInt64 = 64 << 30

    private let handle: FileHandle
    private let gzip: Process?
    private let path: String

    /// Opens the file; one that ends in `.gz` or begins like gzip goes through `gzip -dc`.
    ///
    /// - Throws: `Failure` if it is missing, no regular file, or gzip cannot be started.
    init(path: String) throws(Failure) {
        self.path = path
        var isDirectory: ObjCBool = false
        let exists = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
        guard exists, !isDirectory.boolValue, let file = FileHandle(forReadingAtPath: path) else {
            throw Failure(
                .missingInput,
                "the inventory \(Escaped.text(path)) is not there or cannot be read",
                advice: "check the path and its permissions"
            )
        }
        let magic: Data
        do {
            magic = try file.read(upToCount: 2) ?? Data()
            try file.seek(toOffset: 0)
        } catch {
            throw Failure(.inputOutput, "reading \(Escaped.text(path)) failed", advice: "try again")
        }
        guard magic == Data([0x1F, 0x8B]) || path.hasSuffix(".gz") else {
            handle = file
            gzip = nil
            return
        }
        let pipe = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc"]
        process.standardInput = file
        process.standardOutput = pipe
        do {
            try process.run()
        } catch {
            throw Failure(
                .unavailable,
                "the program gzip cannot be started",
                advice: "install gzip or unpack the inventory first"
            )
        }
        handle = pipe.fileHandleForReading
        gzip = process
    }

    /// Hands out every record.
    ///
    /// - Throws: `Failure` if the file cannot be read to its end.
    func read(each: (CSVReader.Record) -> Void) throws(Failure) {
        var reader = CSVReader()
        var size: UInt64 = 0
        while true {
            let data: Data
            do {
                data = try handle.read(upToCount: 1 << 18) ?? Data()
            } catch {
                throw Failure(
                    .inputOutput,
                    "reading \(Escaped.text(path)) failed",
                    advice: "try again"
                )
            }
            if data.isEmpty { break }
            size += UInt64(data.count)
            if gzip != nil, size > Self.maximumUnpackedSize {
                gzip?.terminate()
                throw Failure(
                    .badData,
                    "\(Escaped.text(path)) unpacks to more than 64 GiB",
                    advice: "split the inventory"
                )
            }
            reader.read([UInt8](data), each: each)
        }
        reader.finish(each: each)
        guard let gzip else { return }
        gzip.waitUntilExit()
        // 2 is a warning, as for bytes behind the end.
        guard gzip.terminationStatus == 0 || gzip.terminationStatus == 2 else {
            throw Failure(
                .badData,
                "\(Escaped.text(path)) is damaged: gzip ended with \(gzip.terminationStatus)",
                advice: "fetch the inventory again; what was read from it is kept"
            )
        }
    }
}

/// Writes an inventory: beside its place first, and moved there when it is whole.
final class InventoryDestination {
    private let path: String
    private let partial: String
    private let handle: FileHandle
    private let gzip: Process?
    private var pending: [UInt8] = []

    /// Opens the file; `-` is standard output, and what ends in `.gz` goes through `gzip -c`.
    ///
    /// - Throws: `Failure` if it cannot be created.
    init(path: String) throws(Failure) {
        self.path = path
        partial = path + ".partial"
        guard path != "-" else {
            handle = FileHandle.standardOutput
            gzip = nil
            return
        }
        let isCreated = FileManager.default.createFile(atPath: partial, contents: nil)
        guard isCreated, let file = FileHandle(forWritingAtPath: partial) else {
            throw Failure(
                .cannotCreate,
                "\(Escaped.text(partial)) cannot be created",
                advice: "check the folder and its permissions"
            )
        }
        guard path.hasSuffix(".gz") else {
            handle = file
            gzip = nil
            return
        }
        let pipe = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-c"]
        process.standardInput = pipe
        process.standardOutput = file
        do {
            try process.run()
        } catch {
            throw Failure(
                .unavailable,
                "the program gzip cannot be started",
                advice: "install gzip or leave .gz out of the name"
            )
        }
        handle = pipe.fileHandleForWriting
        gzip = process
    }

    /// Adds a line.
    ///
    /// - Throws: `Failure` if it cannot be written.
    func add(_ line: InventoryLine) throws(Failure) {
        CSVWriter.append(line.fields, to: &pending)
        if pending.count >= 1 << 18 { try flush() }
    }

    /// Ends the file and puts it in its place.
    ///
    /// - Throws: `Failure` if it cannot be written.
    func finish() throws(Failure) {
        try flush()
        guard path != "-" else { return }
        do {
            if gzip == nil { try handle.synchronize() }
            try handle.close()
        } catch {
            throw writeFailure
        }
        gzip?.waitUntilExit()
        guard gzip?.terminationStatus ?? 0 == 0, unsafe rename(partial, path) == 0 else {
            throw writeFailure
        }
    }

    private func flush() throws(Failure) {
        do {
            try handle.write(contentsOf: Data(pending))
        } catch {
            throw writeFailure
        }
        pending = []
    }

    private var writeFailure: Failure {
        Failure(
            .inputOutput,
            "writing \(Escaped.text(path)) failed",
            advice: "check the space on its disk"
        )
    }
}
