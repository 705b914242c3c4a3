internal import ArgumentParser
internal import Glibc

/// The file of a history, line by line.
final class HistoryFile {
    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var error: Int32 = 0
    private var isClosed = false

    private static let bufferSize = 64 << 10

    /// Begins the file anew.
    ///
    /// - Throws: If it cannot be created.
    init(_ path: String) throws(ValidationError) {
        self.path = path
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ValidationError(
                "the history \(path) cannot be created: \(Self.text(errno)); check the path"
            )
        }
    }

    /// Adds a line.
    func write(_ line: String) {
        buffer += line.utf8
        buffer.append(0x0A)
        if buffer.count >= Self.bufferSize { flush() }
    }

    /// Writes what is left; why the file is not whole, if it is not.
    @discardableResult
    func close() -> ValidationError? {
        if !isClosed {
            flush()
            if Glibc.close(descriptor) != 0, error == 0 { error = errno }
            isClosed = true
        }
        guard error != 0 else { return nil }
        return ValidationError(
            "the history \(path) is not whole: \(Self.text(error)); make room or write elsewhere"
        )
    }

    private func flush() {
        var written = 0
        while written < buffer.count, error == 0 {
            let count = unsafe buffer.withUnsafeBytes {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: $0[written...])
                return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if count > 0 { written += count } else if errno != EINTR { error = errno }
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func text(_ number: Int32) -> String {
        unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
    }
}
