internal import Foundation

/// The program gzip, which packs and unpacks inventories.
enum Gzip {
    /// Starts it between a file and a pipe.
    ///
    /// - Throws: `Failure` if there is no such program.
    static func start(
        _ argument: String,
        input: Any,
        output: Any,
        otherwise advice: String
    ) throws(Failure) -> Process {
        func failure(_ why: String) -> Failure {
            Failure(.unavailable, "the program gzip \(why)", advice: advice)
        }
        guard let path else {
            throw failure("is in no folder of PATH")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = [argument]
        process.standardInput = input
        process.standardOutput = output
        do {
            try process.run()
        } catch {
            throw failure("cannot be started: \(Escaped.text(error.localizedDescription))")
        }
        return process
    }

    /// Where it is; nil if it is in no folder of PATH.
    static var path: String? { path(in: ProcessInfo.processInfo.environment["PATH"] ?? "") }

    /// The first executable of that name in a list of folders.
    static func path(in folders: String) -> String? {
        folders.split(separator: ":").map { "\($0)/gzip" }.first { unsafe access($0, X_OK) == 0 }
    }
}
