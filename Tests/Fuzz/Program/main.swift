import Decoders
import Foundation

// fuzz list                          names of the decoders
// fuzz unpack CORPUS DECODER FOLDER  each kept input of a decoder as a file, as libFuzzer wants it
// fuzz line FILE                     the line of the corpus that stands for a file
// fuzz judge DECODER FILE            what the decoder makes of one input
//
// With CADASTRE_FUZZ_DECODER in the environment it is libFuzzer for that decoder, with libFuzzer's own
// options and folders; in the environment, since libFuzzer starts itself again for some of its work.
// `Cluster/fuzz` calls all of these.

/// libFuzzer's entrance for programs that have a `main` of their own (FuzzerInterface.h).
@_silgen_name("LLVMFuzzerRunDriver")
func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// What is fed; set once, before libFuzzer begins.
nonisolated(unsafe) var chosen = Decoder.frame

func fail(_ text: String) -> Never {
    FileHandle.standardError.write(Data("fuzz: \(text)\n".utf8))
    exit(64)
}

func decoder(_ name: String?) -> Decoder {
    guard let name, let decoder = Decoder(rawValue: name) else {
        fail("\(name ?? "nothing") is no decoder; `fuzz list` names them")
    }
    return decoder
}

func contents(of path: String?) throws -> [UInt8] {
    guard let path else { fail("name a file") }
    return Array(try Data(contentsOf: URL(filePath: path)))
}

func unpack(_ corpus: String, _ decoder: Decoder, into folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for name in Corpus.fileNames(of: decoder) {
        let file = URL(filePath: corpus).appending(path: name)
        guard FileManager.default.fileExists(atPath: file.path) else { continue }
        guard let inputs = Corpus.inputs(in: try String(contentsOf: file, encoding: .utf8)) else {
            fail("a line of \(file.path) is no input")
        }
        for (number, input) in inputs.enumerated() {
            let path = URL(filePath: folder).appending(path: "\(name)-\(number)")
            try Data(input).write(to: path)
        }
    }
}

/// Hands libFuzzer the command line, and the process with it.
func run(_ name: String) -> CInt {
    chosen = decoder(name)
    var words = CommandLine.arguments
    words.insert("-max_len=\(chosen.maximumSize)", at: 1)
    // Never freed: libFuzzer keeps what it is given.
    let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
        capacity: words.count + 1
    )
    for (place, word) in words.enumerated() { list[place] = strdup(word) }
    list[words.count] = nil
    var count = CInt(words.count)
    var arguments = list
    return runDriver(&count, &arguments) { bytes, size in
        do {
            _ = try chosen.judge(Array(UnsafeBufferPointer(start: bytes, count: size)))
        } catch {
            fatalError("\(chosen.rawValue): \(error)")
        }
        return 0
    }
}

if let name = ProcessInfo.processInfo.environment["CADASTRE_FUZZ_DECODER"] { exit(run(name)) }
let words = Array(CommandLine.arguments.dropFirst())
switch words.first {
case "list": for decoder in Decoder.allCases { print(decoder.rawValue) }
case "unpack" where words.count == 4: try unpack(words[1], decoder(words[2]), into: words[3])
case "line": print(Corpus.line(try contents(of: words.dropFirst().first)))
case "judge" where words.count == 3:
    print(try decoder(words[1]).judge(contents(of: words[2])) ? "taken" : "refused")
default: fail("list | unpack CORPUS DECODER FOLDER | line FILE | judge DECODER FILE")
}
