"""HTML pages: templates with one stylesheet, and charts as SVG or PNG."""
