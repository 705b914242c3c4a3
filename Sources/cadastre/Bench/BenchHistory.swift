internal import CadastreClient
internal import CadastreHistory
internal import CadastreProtocol
internal import Foundation

/// The file into which a bench writes what its clients ask and are told, for
/// `cadastre history check`.
///
/// Each operation is written when it ends; those whose end nobody saw when the bench ends.
final class BenchHistory: @unchecked Sendable {
    // Unchecked: used before and after the load by whoever runs it, in between on the client
    // library's event loop alone.

    private let path: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var error: Int32 = 0
    private var open: [UInt64: [CadastreHistory.Operation]] = [:]
    private var lastTime: UInt64 = 0
    private var isClosed = false

    private static let bufferSize = 64 << 10

    /// Begins the file anew.
    ///
    /// - Throws: `Failure` if it cannot be created.
    init(_ path: String) throws(Failure) {
        self.path = path
        descriptor = unsafe Foundation.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure(
                .cannotCreate,
                "the history \(Escaped.text(path)) cannot be created: \(SystemError.last)",
                advice: "check the path and its permissions"
            )
        }
    }

    // MARK: Before

    /// The bucket was there.
    func isGiven(_ bucket: [UInt8]) {
        write(given(bucket, key: nil, .done(.happened)))
    }

    /// An object was there.
    func isGiven(_ object: ListedObject, in bucket: [UInt8]) {
        let held = Object(
            etag: Words.encode(object.etag),
            size: object.size,
            sequence: object.sequence
        )
        write(given(bucket, key: object.key, .done(.object(held))))
    }

    private func given(
        _ bucket: [UInt8],
        key: [UInt8]?,
        _ outcome: CadastreHistory.Outcome
    ) -> CadastreHistory.Operation {
        let action = CadastreHistory.Action.given(bucket: Words.encode(bucket), key: key)
        let now = time()
        return CadastreHistory.Operation(process: 0, action, outcome, call: now, return: now)
    }

    // MARK: While the load runs

    /// A client sends a request.
    func begins(_ process: UInt64, _ submission: Submission) {
        let now = time()
        switch try? submission.content {
        case .command(let command):
            open[process] = CadastreHistory.Operation.operations(
                process: process,
                command,
                of: "",
                at: now
            )
        case .query(let query):
            let operation = CadastreHistory.Operation(process: process, query, of: "", at: now)
            open[process] = operation.map { [$0] } ?? []
        // What this program encodes it can read.
        case .administration, nil: break
        }
    }

    /// A client knows what became of its request, or that nobody knows.
    func ends(_ process: UInt64, _ outcome: RawOutcome) {
        guard var operations = open.removeValue(forKey: process) else { return }
        let now = time()
        switch outcome {
        case .done(.command(let reply), let index):
            operations.answered(reply, index: index, at: now)
        case .done(.query(let answer), let index):
            for place in operations.indices {
                operations[place].answered(answer, index: index, at: now)
            }
        case .refused(let refused): operations.refused(refused.name, at: now)
        case .done(.administration, _), .unknown: break
        }
        for operation in operations { write(operation) }
    }

    // MARK: After

    /// Writes what is left, as unknown, and closes the file; once.
    func end() {
        guard !isClosed else { return }
        isClosed = true
        for process in open.keys.sorted() { for part in open[process] ?? [] { write(part) } }
        open = [:]
        flush()
        if Foundation.close(descriptor) != 0, error == 0 { error = errno }
    }

    /// Why the file is not whole; nil if it is.
    var failure: Failure? {
        guard error != 0 else { return nil }
        return Failure(
            .inputOutput,
            "the history \(Escaped.text(path)) is not whole: \(SystemError.text(error))",
            advice: "make room or write elsewhere; what was changed in the cluster stays changed"
        )
    }

    private func write(_ operation: CadastreHistory.Operation) {
        guard error == 0 else { return }
        buffer += operation.line.utf8
        buffer.append(0x0A)
        if buffer.count >= Self.bufferSize { flush() }
    }

    private func flush() {
        // Behind a line that could not be written whole, another would be joined to it.
        if error == 0 { error = Descriptor.write(buffer, to: descriptor) }
        buffer.removeAll(keepingCapacity: true)
    }

    /// The machine's monotonic clock, so that several benches at once can be put together; each
    /// time is later than the one before, as all happens on one event loop.
    private func time() -> UInt64 {
        var now = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        lastTime = max(lastTime + 1, UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec))
        return lastTime
    }
}
