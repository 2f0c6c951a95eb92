/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Allocations under exceptions, templates, virtual calls and std::map, at changing depths: for the
 * comparison of stacks. stacks_cxx N */
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct node {
	virtual ~node() = default;
	virtual int visit(int depth) = 0;
};

struct leaf : node {
	std::string text;
	explicit leaf(int n) : text("a leaf of which the text is not short: " + std::to_string(n))
	{
	}
	int visit(int depth) override
	{
		if (depth % 3 == 0)
			throw std::runtime_error(text);
		return text.size();
	}
};

struct branch : node {
	std::vector<std::unique_ptr<node>> nodes;
	branch(int n, int depth)
	{
		for (int i = 0; i < 3; i++) {
			if (depth > 0 && i)
				nodes.push_back(std::make_unique<branch>(n + i, depth - 1));
			else
				nodes.push_back(std::make_unique<leaf>(n + i));
		}
	}
	int visit(int depth) override
	{
		int sum = 0;

		for (auto &child : nodes) {
			try {
				sum += child->visit(depth + 1);
			} catch (const std::exception &error) {
				sum += std::string(error.what()).append(" caught, and told").size();
			}
		}
		return sum;
	}
};

int main(int argc, char **argv)
{
	int cnt = argc > 1 ? atoi(argv[1]) : 1000, sum = 0;
	std::map<std::string, int> words;

	for (int i = 0; i < cnt / 20; i++) {
		branch tree(i, i % 4);

		sum += tree.visit(0);
		words["a word that is long enough " + std::to_string(i % 997)] += sum;
	}
	return words.empty();
}
