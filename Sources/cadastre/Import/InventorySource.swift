internal import Foundation

/// Reads one file of an inventory, plain or compressed with gzip, in bounded memory.
final class InventorySource {
    /// The most bytes that a compressed inventory may unpack to: a small file must not occupy a
    /// machine for ever.
    static let maximumUnpackedSize: UInt64 = 64 << 30

    private let name: String
    /// The file itself.
    private let file: FileHandle
    /// Where bytes come from: the file, or gzip.
    private let input: FileHandle
    private let gzip: Process?
    /// Read from a pipe to see what it is.
    private var head: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)
    private var unpackedSize: UInt64 = 0

    /// Opens the file; one that ends in `.gz` or begins like gzip goes through `gzip -dc`.
    ///
    /// - Throws: `Failure` if it cannot be read, or gzip is missing.
    init(_ inventory: InventoryFile) throws(Failure) {
        let path = inventory.path
        name = path == "-" ? "standard input" : Escaped.text(path)
        let descriptor = unsafe path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure(
                .missingInput,
                "the inventory \(name) cannot be read: \(SystemError.last)",
                advice: "check the path and its permissions"
            )
        }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let begin = lseek(descriptor, 0, SEEK_CUR)
        let magic = try Self.read(descriptor, name, 2, into: &buffer)
        let isPacked = magic == [0x1F, 0x8B]
        guard begin >= 0 else {
            // Of a pipe two bytes are gone, which gzip would miss.
            guard !isPacked else {
                throw Failure(
                    .badData,
                    "what comes from \(name) is compressed",
                    advice: "unpack it on the way, as in: "
                        + "gzip -dc FILE | cadastre import inventory -"
                )
            }
            (input, gzip, head) = (file, nil, magic)
            return
        }
        guard lseek(descriptor, begin, SEEK_SET) == begin else {
            throw Failure(.inputOutput, "reading \(name) failed", advice: "try again")
        }
        guard isPacked || path.hasSuffix(".gz") else {
            (input, gzip) = (file, nil)
            return
        }
        let pipe = Pipe()
        gzip = try Gzip.start(
            "-dc",
            input: file,
            output: pipe,
            otherwise: "install gzip, or unpack the inventory first"
        )
        input = pipe.fileHandleForReading
    }

    /// How many bytes of the file have been read; nil where that means nothing.
    var position: UInt64? {
        // gzip reads on the same open file.
        let position = lseek(file.fileDescriptor, 0, SEEK_CUR)
        return position >= 0 ? UInt64(position) : nil
    }

    /// The next bytes; nil at the end, or when the program shall end.
    ///
    /// - Throws: `Failure` if the file cannot be read to its end.
    func next() throws(Failure) -> [UInt8]? {
        if !head.isEmpty {
            defer { head = [] }
            return head
        }
        // A pipe may bring nothing for long: a signal must be noticed meanwhile.
        var waiting = pollfd(fd: input.fileDescriptor, events: Int16(POLLIN), revents: 0)
        while unsafe poll(&waiting, 1, 200) <= 0 {
            if Interruption.isRequested { return nil }
        }
        if Interruption.isRequested { return nil }
        let bytes = try Self.read(input.fileDescriptor, name, buffer.count, into: &buffer)
        guard !bytes.isEmpty else {
            try end()
            return nil
        }
        unpackedSize += UInt64(bytes.count)
        if let gzip, unpackedSize > Self.maximumUnpackedSize {
            gzip.terminate()
            throw Failure(
                .badData,
                "\(name) unpacks to more than 64 GiB",
                advice: "split the inventory"
            )
        }
        return bytes
    }

    /// Hands out every record.
    ///
    /// - Throws: `Failure` if the file cannot be read to its end.
    func read(each: (CSVReader.Record) -> Void) throws(Failure) {
        var reader = CSVReader()
        while let bytes = try next() { reader.read(bytes, each: each) }
        reader.finish(each: each)
    }

    private func end() throws(Failure) {
        guard let gzip else { return }
        gzip.waitUntilExit()
        // 2 is a warning, as for bytes behind the end.
        guard gzip.terminationStatus == 0 || gzip.terminationStatus == 2 else {
            throw Failure(
                .badData,
                "\(name) is damaged: gzip ended with \(gzip.terminationStatus)",
                advice: "fetch the inventory again; what was read from it is kept"
            )
        }
    }

    private static func read(
        _ descriptor: Int32,
        _ name: String,
        _ size: Int,
        into buffer: inout [UInt8]
    ) throws(Failure) -> [UInt8] {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Foundation.read(descriptor, $0.baseAddress, min(size, $0.count))
            }
            if count >= 0 { return Array(buffer.prefix(count)) }
            guard errno == EINTR else {
                throw Failure(
                    .inputOutput,
                    "reading \(name) failed: \(SystemError.last)",
                    advice: "try again"
                )
            }
        }
    }
}
