internal import Foundation

/// The command line as the system hands it over: bytes.
///
/// Swift makes text of it and puts U+FFFD for what is not UTF-8: a key would quietly be another.
enum RawArguments {
    /// Why the command line cannot be taken; nil if it can.
    static var failure: Failure? {
        for place in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = unsafe CommandLine.unsafeArgv[place] else { continue }
            let size = unsafe strlen(argument)
            let bytes = unsafe argument.withMemoryRebound(to: UInt8.self, capacity: size) {
                unsafe Array(UnsafeBufferPointer(start: $0, count: size))
            }
            guard String(validating: bytes, as: UTF8.self) == nil else { continue }
            return Failure(
                .usage,
                "argument \(place), '\(Escaped.bytes(bytes))', is not UTF-8",
                advice: "write a key that is not as %NN with --key-encoded; rename a file"
            )
        }
        return nil
    }
}
