internal import ArgumentParser
internal import Foundation
internal import NIOCore
internal import NIOPosix

/// Stands between the nodes of a cluster on one machine as the distance would.
@main
struct CadastreWAN: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cadastre-wan",
        abstract: "Gives every pair of sites its round trip, on one machine.",
        discussion: """
            Node N listens for peers on 127.0.N.1, dials from there, and advertises 127.0.0.1 with \
            the same port, where this program listens. Bytes arrive half a round trip after they \
            were sent, in order; bandwidth is not limited. A site can be cut off and mended.
            """,
        subcommands: [Run.self, Tell.self]
    )

    /// Runs until it is ended.
    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Relay the connections between nodes until SIGTERM."
        )

        @Option(help: "Who stands where and listens on which port.")
        var topology: String
        @Option(help: "Microseconds from city to city and back.")
        var roundTrips: String
        @Option(help: "The socket on which it is told what to cut.")
        var control: String

        func run() async throws {
            let country: Country
            do {
                country = try Country(
                    topology: String(contentsOfFile: topology, encoding: .utf8),
                    roundTrips: String(contentsOfFile: roundTrips, encoding: .utf8)
                )
            } catch {
                throw ValidationError("\(error)")
            }
            let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
            let area = try await loop.submit {
                NIOLoopBound(
                    WideArea(country, on: loop) { line in
                        FileHandle.standardError.write(Data("cadastre-wan: \(line)\n".utf8))
                    },
                    eventLoop: loop
                )
            }.get()
            try await loop.flatSubmit { area.value.start() }.get()
            // Last: whoever is answered there may go on.
            let listener = try await Control.listen(control, area, on: loop).get()
            try await listener.closeFuture.get()
        }
    }

    /// Tells the one that runs what to do.
    struct Tell: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell the one that runs: cut SITE [in|out], mend [SITE] or show.",
            discussion: "Example: cadastre-wan tell --control wan/control cut lyon"
        )

        @Option(help: "The socket on which it is told what to cut.")
        var control: String
        @Argument(help: "What to do.")
        var words: [String]

        func run() async throws {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let answer: String
            do {
                answer = try await Control.tell(words.joined(separator: " "), control, on: loop)
            } catch {
                throw ValidationError("nobody answers at \(control): \(error)")
            }
            guard answer.hasPrefix("ok ") else {
                throw ValidationError(String(answer.dropFirst(3)))
            }
            print(answer.dropFirst(3))
        }
    }
}
