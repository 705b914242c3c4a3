import Foundation
import Testing

/// The program `cadastre` of the same build, run as a process.
struct Tool {
    /// What it did.
    struct Result {
        var code: Int32
        var output: String
        var errors: String

        /// The last line of its output as an object.
        func json() throws -> [String: Any] {
            let line = try #require(output.split(separator: "\n").last, "no output: \(errors)")
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            return try #require(object as? [String: Any])
        }

        /// The exit code that its JSON says.
        func errorCode() throws -> Int32? {
            let error = try json()["error"] as? [String: Any]
            return (error?["code"] as? NSNumber)?.int32Value
        }
    }

    /// Where it is: beside the program that runs the tests.
    static let path: String = {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().path + "/cadastre"
    }()

    private let folder: URL
    private let process = Process()
    /// What it reads; closed unless it is asked for.
    let input = Pipe()

    /// Starts it, or another program.
    ///
    /// Its standard output goes into the result, or where `output` says; of the variables CADASTRE_…
    /// it sees those of `environment` alone.
    init(
        _ arguments: [String],
        program: String = Tool.path,
        output: FileHandle? = nil,
        environment: [String: String] = [:]
    ) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["out", "err"] { try Data().write(to: folder.appending(path: name)) }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("CADASTRE_") }
            .merging(environment) { $1 }
        process.standardInput = input
        process.standardOutput =
            try output ?? FileHandle(forWritingTo: folder.appending(path: "out"))
        process.standardError = try FileHandle(forWritingTo: folder.appending(path: "err"))
        try process.run()
    }

    /// Sends it a signal.
    func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Waits for its end.
    func end() throws -> Result {
        process.waitUntilExit()
        // A leftover folder is harmless.
        defer { try? FileManager.default.removeItem(at: folder) }
        func text(_ name: String) throws -> String {
            String(decoding: try Data(contentsOf: folder.appending(path: name)), as: UTF8.self)
        }
        return Result(
            code: process.terminationStatus,
            output: try text("out"),
            errors: try text("err")
        )
    }

    /// Runs it to its end without any input.
    static func run(
        _ arguments: [String],
        program: String = Tool.path,
        output: FileHandle? = nil,
        environment: [String: String] = [:]
    ) throws -> Result {
        let tool = try Tool(
            arguments,
            program: program,
            output: output,
            environment: environment
        )
        try tool.input.fileHandleForWriting.close()
        return try tool.end()
    }
}
