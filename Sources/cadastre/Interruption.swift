internal import Dispatch
internal import Foundation
internal import Synchronization

/// Someone wants the program to end: SIGINT or SIGTERM.
///
/// The first such signal lets the verb end in order: it sends no more, says what was done, and
/// closes its session. A second one ends the program at once.
enum Interruption {
    private static let received = Atomic<Int32>(0)

    /// Whether the verb should come to its end.
    static var isRequested: Bool { received.load(ordering: .relaxed) != 0 }

    /// How the program ends then; nil if nobody has asked.
    static var status: ExitStatus? {
        switch received.load(ordering: .relaxed) {
        case 0: nil
        case SIGINT: .interrupted
        case _: .terminated
        }
    }

    /// Why a verb ends before it is done.
    static func failure(_ what: String, advice: String = "") -> Failure {
        Failure(status ?? .interrupted, what, advice: advice)
    }

    /// Calls back at the first signal, for as long as the returned sources are kept.
    ///
    /// Called once, from the program's first lines. A signal that is ignored, as for what runs
    /// under `nohup`, stays ignored.
    static func watch(_ react: @escaping @Sendable () -> Void) -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM].filter { !isIgnored($0) }.map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                let first = received.compareExchange(
                    expected: 0,
                    desired: number,
                    ordering: .relaxed
                )
                guard first.exchanged else { _exit(128 + number) }
                react()
            }
            source.resume()
            return source
        }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        let handler = unsafe action.__sigaction_handler.sa_handler
        return unsafe unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
