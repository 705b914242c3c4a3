internal import CadastreClient

/// One request to the cluster, as most verbs make it.
extension ClusterOptions {
    /// Changes something.
    ///
    /// - Throws: `Failure` unless it is done.
    func execute<Command: ClientCommand>(
        _ command: Command,
        _ what: String,
        on listener: ClientConfiguration.Purpose = .client
    ) async throws(Failure) -> Command.Value {
        let configuration = try settings().requestConfiguration()
        return try await CadastreClient.with(configuration) { client throws(Failure) in
            try await client.execute(command).get(doing: what)
        }
    }

    /// Changes something and says that it is done.
    ///
    /// - Throws: `Failure` unless it is done.
    func finish(
        _ command: some ClientCommand,
        _ what: String,
        on listener: ClientConfiguration.Purpose = .client
    ) async throws(Failure) {
        _ = try await execute(command, what, on: listener)
        console.json(DoneOutput())
        console.line("Done.")
    }

    /// Asks something.
    ///
    /// - Throws: `Failure` unless it is answered.
    func ask<Query: ClientQuery>(
        _ query: Query,
        _ what: String,
        on listener: ClientConfiguration.Purpose = .client
    ) async throws(Failure) -> Query.Value {
        let configuration = try settings().requestConfiguration()
        return try await CadastreClient.with(configuration) { client throws(Failure) in
            try await client.ask(query).get(doing: what)
        }
    }

    /// Asks for all pages of a list.
    ///
    /// - Throws: `Failure` unless all are answered.
    func askAll<Query: ClientQuery, Element: Sendable & Hashable>(
        _ what: String,
        on listener: ClientConfiguration.Purpose = .client,
        _ query: (_ after: [UInt8]) -> Query
    ) async throws(Failure) -> [Element] where Query.Value == Page<Element> {
        let configuration = try settings().requestConfiguration()
        return try await CadastreClient.with(configuration) { client throws(Failure) in
            var elements: [Element] = []
            var after: [UInt8] = []
            while true {
                let page = try await client.ask(query(after)).get(doing: what)
                elements += page.elements
                guard page.isTruncated, page.next != after else { return elements }
                after = page.next
            }
        }
    }
}
