internal import Foundation

/// Writes an inventory: beside its place first, and moved there when it is whole and durable.
final class InventoryDestination {
    private enum Place {
        case standardOutput
        /// The file under its temporary name, and what its bytes go through.
        case file(Int32, gzip: (process: Process, input: FileHandle)?)
    }

    private let path: String
    private let partial: String
    private let place: Place
    private var pending: [UInt8] = []

    /// Opens the file; `-` is standard output, and what ends in `.gz` goes through `gzip -c`.
    ///
    /// - Throws: `Failure` if it cannot be created, or gzip is missing.
    init(path: String) throws(Failure) {
        self.path = path
        partial = path + ".partial"
        guard path != "-" else {
            place = .standardOutput
            return
        }
        var status = stat()
        guard unsafe stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(
                .cannotCreate,
                "\(Escaped.text(path)) is there and is no regular file",
                advice: "choose another name, or - for standard output"
            )
        }
        let file = unsafe open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw Failure(
                .cannotCreate,
                "\(Escaped.text(partial)) cannot be created: \(SystemError.last)",
                advice: "check the folder and its permissions"
            )
        }
        guard path.hasSuffix(".gz") else {
            place = .file(file, gzip: nil)
            return
        }
        let pipe = Pipe()
        do throws(Failure) {
            let gzip = try Gzip.start(
                "-c",
                input: pipe,
                output: FileHandle(fileDescriptor: file, closeOnDealloc: false),
                otherwise: "install gzip, or leave .gz out of the name"
            )
            place = .file(file, gzip: (gzip, pipe.fileHandleForWriting))
        } catch {
            close(file)
            unsafe unlink(partial)
            throw error
        }
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
        guard case .file(let file, let gzip) = place else { return }
        if let gzip {
            do {
                try gzip.input.close()
            } catch {
                throw writeFailure(SystemError.last)
            }
            gzip.process.waitUntilExit()
            guard gzip.process.terminationStatus == 0 else {
                throw writeFailure("gzip ended with \(gzip.process.terminationStatus)")
            }
        }
        guard fsync(file) == 0, unsafe rename(partial, path) == 0, syncFolder() else {
            throw writeFailure(SystemError.last)
        }
        close(file)
    }

    /// Removes what was written so far; what stood in the place before is still there.
    func abandon() {
        guard case .file(let file, let gzip) = place else { return }
        gzip?.process.terminate()
        close(file)
        unsafe unlink(partial)
    }

    private func flush() throws(Failure) {
        defer { pending = [] }
        switch place {
        case .standardOutput:
            // The console remembers what went wrong.
            Console.print(pending)
        case .file(let file, let gzip):
            let error = Descriptor.write(pending, to: gzip?.input.fileDescriptor ?? file)
            guard error == 0 else { throw writeFailure(SystemError.text(error)) }
        }
    }

    /// A name is durable once its folder is.
    private func syncFolder() -> Bool {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }

    private func writeFailure(_ why: String) -> Failure {
        Failure(
            .inputOutput,
            "writing \(Escaped.text(path)) failed: \(why)",
            advice: "check the space on its disk"
        )
    }
}
